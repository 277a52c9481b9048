import { type AvroRecord, type AvroSchema, isUnion } from './avro-schema.ts';

/**
 * The `debezium` envelope: what Debezium 3's Postgres connector writes with Confluent's Avro converter, so that its
 * consumers read it. Only the columns within `before` and `after` have our types.
 * https://debezium.io/documentation/reference/stable/connectors/postgresql.html#postgresql-events
 */

const NULLABLE_LONG = { type: ['null', 'long'], default: null } as const;
const NULLABLE_STRING = { type: ['null', 'string'], default: null } as const;

/** What a value of a snapshot or of the stream says in `source.snapshot`. */
export type SnapshotMark = 'true' | 'first' | 'first_in_data_collection' | 'incremental' | 'false';

const SNAPSHOT_SCHEMA: AvroSchema = {
  type: 'string',
  'connect.version': 1,
  'connect.parameters': {
    allowed: 'true,first,first_in_data_collection,last_in_data_collection,last,false,incremental',
  },
  'connect.default': 'false',
  'connect.name': 'io.debezium.data.Enum',
};

/** `source`: where in the database, and where in its log, an event was. */
export const DEBEZIUM_SOURCE: AvroRecord = {
  type: 'record',
  name: 'Source',
  namespace: 'io.debezium.connector.postgresql',
  fields: [
    { name: 'version', type: 'string' },
    { name: 'connector', type: 'string' },
    { name: 'name', type: 'string' },
    { name: 'ts_ms', type: 'long' },
    { name: 'snapshot', type: [SNAPSHOT_SCHEMA, 'null'], default: 'false' },
    { name: 'db', type: 'string' },
    { name: 'sequence', ...NULLABLE_STRING },
    { name: 'ts_us', ...NULLABLE_LONG },
    { name: 'ts_ns', ...NULLABLE_LONG },
    { name: 'schema', type: 'string' },
    { name: 'table', type: 'string' },
    { name: 'txId', ...NULLABLE_LONG },
    { name: 'lsn', ...NULLABLE_LONG },
    { name: 'xmin', ...NULLABLE_LONG },
    { name: 'origin', ...NULLABLE_STRING },
    { name: 'origin_lsn', ...NULLABLE_LONG },
  ],
  'connect.version': 1,
  'connect.name': 'io.debezium.connector.postgresql.Source',
};

const TRANSACTION_BLOCK: AvroRecord = {
  type: 'record',
  name: 'block',
  namespace: 'event',
  fields: [
    { name: 'id', type: 'string' },
    { name: 'total_order', type: 'long' },
    { name: 'data_collection_order', type: 'long' },
  ],
  'connect.version': 1,
  'connect.name': 'event.block',
};

/** When the connector processed the event, three times. */
const PROCESSED = ['ts_ms', 'ts_us', 'ts_ns'].map((name) => ({ name, ...NULLABLE_LONG }));

/** The value of a table's topic. `row` has the columns; its full name is `<namespace>.Value`. */
export function debeziumEnvelope(namespace: string, row: AvroRecord): AvroRecord {
  const name = `${namespace}.Value` as const;
  return {
    type: 'record',
    name: 'Envelope',
    namespace,
    fields: [
      {
        name: 'before',
        type: ['null', { ...row, name: 'Value', namespace, 'connect.name': name }],
        default: null,
      },
      { name: 'after', type: ['null', name], default: null },
      { name: 'source', type: DEBEZIUM_SOURCE },
      { name: 'transaction', type: ['null', TRANSACTION_BLOCK], default: null },
      { name: 'op', type: 'string' },
      ...PROCESSED,
    ],
    'connect.version': 2,
    'connect.name': `${namespace}.Envelope`,
  };
}

/** Key and value of `<prefix>.transaction`: BEGIN and END of source transactions. */
export const TRANSACTION_METADATA = {
  key: {
    type: 'record',
    name: 'TransactionMetadataKey',
    namespace: 'io.debezium.connector.common',
    fields: [{ name: 'id', type: 'string' }],
    'connect.version': 1,
    'connect.name': 'io.debezium.connector.common.TransactionMetadataKey',
  },
  value: {
    type: 'record',
    name: 'TransactionMetadataValue',
    namespace: 'io.debezium.connector.common',
    fields: [
      { name: 'status', type: 'string' },
      { name: 'id', type: 'string' },
      { name: 'event_count', ...NULLABLE_LONG },
      {
        name: 'data_collections',
        type: [
          'null',
          {
            type: 'array',
            items: {
              type: 'record',
              name: 'collection',
              namespace: 'event',
              fields: [
                { name: 'data_collection', type: 'string' },
                { name: 'event_count', type: 'long' },
              ],
              'connect.version': 1,
              'connect.name': 'event.collection',
            },
          },
        ],
        default: null,
      },
      { name: 'ts_ms', type: 'long' },
    ],
    'connect.version': 1,
    'connect.name': 'io.debezium.connector.common.TransactionMetadataValue',
  },
} as const satisfies Record<'key' | 'value', AvroRecord>;

/** Key and value of `<prefix>.message`: logical messages, op `m`. */
export const DEBEZIUM_MESSAGE = {
  key: {
    type: 'record',
    name: 'MessageKey',
    namespace: 'io.debezium.connector.postgresql',
    fields: [{ name: 'prefix', ...NULLABLE_STRING }],
    'connect.version': 1,
    'connect.name': 'io.debezium.connector.postgresql.MessageKey',
  },
  value: {
    type: 'record',
    name: 'MessageValue',
    namespace: 'io.debezium.connector.postgresql',
    fields: [
      { name: 'op', type: 'string' },
      { name: 'ts_ms', ...NULLABLE_LONG },
      { name: 'source', type: DEBEZIUM_SOURCE },
      { name: 'transaction', type: ['null', TRANSACTION_BLOCK], default: null },
      {
        name: 'message',
        type: {
          type: 'record',
          name: 'Message',
          fields: [
            { name: 'prefix', ...NULLABLE_STRING },
            { name: 'content', type: ['null', 'bytes'], default: null },
          ],
          'connect.version': 1,
          'connect.name': 'io.debezium.connector.postgresql.Message',
        },
      },
    ],
    'connect.version': 1,
    'connect.name': 'io.debezium.connector.postgresql.MessageValue',
  },
} as const satisfies Record<'key' | 'value', AvroRecord>;

/** As KEY_CHANGE_HEADERS of the row envelope. */
export const DEBEZIUM_KEY_CHANGE_HEADERS = {
  newKey: '__debezium.newkey',
  oldKey: '__debezium.oldkey',
} as const;

/** Stands for an out-of-line value that Postgres did not send again, where the Avro type can hold a text. */
export const UNAVAILABLE_VALUE = '__debezium_unavailable_value';

/** The record of the columns: the schema itself, or what the debezium envelope has in `before` and `after`. */
export function rowRecord(valueSchema: AvroSchema): AvroSchema {
  if (!isDebeziumEnvelope(valueSchema)) return valueSchema;
  const { type } = valueSchema.fields[0] as AvroRecord['fields'][number];
  return isUnion(type) ? (type.at(-1) as AvroSchema) : type;
}

/** True for the value schema of Debezium's events, whoever wrote them. */
export function isDebeziumEnvelope(schema: AvroSchema): schema is AvroRecord {
  if (typeof schema !== 'object' || !('fields' in schema) || schema.name !== 'Envelope') return false;
  const names = schema.fields.map(({ name }) => name);
  return names[0] === 'before' && ['after', 'source', 'op'].every((name) => names.includes(name));
}
