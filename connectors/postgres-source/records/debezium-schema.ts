import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { debeziumEnvelope } from '../../../schemas/debezium-event.ts';
import { avroName } from '../shapes/avro-name.ts';
import type { TableSchema } from '../shapes/table-schema.ts';

/**
 * The table with the schemas of the debezium envelope: `<topic>.Key`, and `<topic>.Envelope` around `<topic>.Value`, with
 * other characters than Avro's as `_`. The columns are the same.
 */
export function debeziumTable(table: TableSchema, topic: string): TableSchema {
  const namespace = topic.split('.').map(avroName).join('.');
  const { fields, ...record } = table.valueSchema;
  const row = { ...record, fields: fields.filter((field) => !CHANGE_EVENT_FIELDS.includes(field)) };
  return {
    ...table,
    keySchema: table.keySchema === null ? null : keySchema(table.keySchema, namespace),
    valueSchema: debeziumEnvelope(namespace, row),
  };
}

function keySchema(key: AvroRecord, namespace: string): AvroRecord {
  return { ...key, namespace, 'connect.name': `${namespace}.Key` };
}
