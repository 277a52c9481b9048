import { escapeIdentifier } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type AvroField, type AvroSchema, withoutNull } from '../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../schemas/change-event.ts';
import type { Change } from './batch.ts';
import type { TargetType } from './scalar-type.ts';
import { targetType } from './target-type.ts';
import { isWider } from './widening.ts';

/** Postgres cuts longer names with only a NOTICE, so that two names could meet: they are refused instead. */
export const IDENTIFIER_BYTES_MAX = 63;

export interface TableName {
  readonly schema: string;
  readonly table: string;
}

export interface Column {
  readonly name: string;
  /** The Avro field that fills it. */
  readonly field: string;
  readonly type: TargetType;
  /** Part of the primary key; filled from the record's key. */
  readonly key: boolean;
  /** COMMENT ON COLUMN, from the field's `doc`. */
  readonly comment?: string | undefined;
  /** The newest schema of the topic has no such field any more. */
  readonly isDropped?: boolean;
  /** Of a column that is not of the topic's schemas: how a change fills it, and what its definition says besides. */
  readonly meta?: { readonly value: (change: Change) => unknown; readonly constraint: string };
}

/** A table as the topic's schemas describe it: the key's columns and the value's fields without the change envelope. */
export interface TargetTable {
  readonly name: TableName;
  readonly columns: readonly Column[];
  /** Columns of the primary key, in the order of the topic's key. */
  readonly primaryKey: readonly string[];
  /** COMMENT ON TABLE, from the record's `doc`. */
  readonly comment?: string | undefined;
}

/** `schema.table`, quoted. */
export function quotedName(name: TableName): string {
  return `${escapeIdentifier(name.schema)}.${escapeIdentifier(name.table)}`;
}

/** For messages and metric labels. */
export function plainName(name: TableName): string {
  return `${name.schema}.${name.table}`;
}

/** Column of a key or value that is no record. */
export const KEY_COLUMN = 'key';
export const VALUE_COLUMN = 'value';

const ENVELOPE = new Set(CHANGE_EVENT_FIELDS.map((field) => field.name));

/** The fields of a record schema; one field of the given name for any other schema. */
export function fieldsOf(schema: AvroSchema, name: string): readonly AvroField[] {
  const bare = withoutNull(schema);
  return typeof bare === 'object' && 'fields' in bare ? bare.fields : [{ name, type: bare }];
}

/**
 * The table of a topic with these schemas. `known` is what earlier schemas asked for: its columns stay, in their
 * order, and only widen; a field that disappears keeps its column.
 * @param valueSchema null where only tombstones have been seen
 * @throws Failure `sink.key_changed`, `sink.type_changed`, `sink.unsupported_type`, `sink.name_too_long` (stop)
 */
export function describeTable(
  name: TableName,
  keySchema: AvroSchema,
  valueSchema: AvroSchema | null,
  known: TargetTable | null,
): TargetTable {
  const keyFields = fieldsOf(keySchema, KEY_COLUMN);
  const valueFields = valueSchema === null ? [] : fieldsOf(valueSchema, VALUE_COLUMN);
  checkKey(name, keyFields, known);
  const columns = new Map<string, Column>();
  for (const column of known?.columns ?? []) columns.set(column.name, column);
  const keys = keyFields.map((field) => {
    const twin = valueFields.find((candidate) => candidate.name === field.name);
    return columnOf(name, twin === undefined ? field : twinOf(name, field, twin), true);
  });
  const values = valueFields.filter((field) => !ENVELOPE.has(field.name));
  // A table's own order is that of its value; a key that is not in there goes first.
  for (const key of keys)
    if (!values.some((field) => field.name === key.field)) addColumn(name, columns, key);
  for (const field of values)
    addColumn(name, columns, keys.find((key) => key.field === field.name) ?? columnOf(name, field, false));
  return { ...known, name, columns: [...columns.values()], primaryKey: keys.map((key) => key.name) };
}

function checkKey(name: TableName, keyFields: readonly AvroField[], known: TargetTable | null): void {
  if (known === null) return;
  const before = known.primaryKey.map(
    (key) => known.columns.find((column) => column.name === key)?.field ?? key,
  );
  const now = keyFields.map((field) => field.name);
  if (before.length === now.length && before.every((field, i) => field === now[i])) return;
  throw new Failure(
    'sink.key_changed',
    'stop',
    `the key of ${plainName(name)} was (${before.join(', ')}) and a newer record has (${now.join(', ')})`,
    {
      fix: 'write the topic to a new table under another sink name; rows under the old key cannot be told from new ones',
    },
  );
}

/** A column that is in key and value alike: the key's field, with the origin type that only the value names. */
function twinOf(name: TableName, keyField: AvroField, valueField: AvroField): AvroField {
  const own = targetType({ name: keyField.name, type: keyField.type }).sql;
  const other = targetType({ name: valueField.name, type: valueField.type }).sql;
  if (own === other) return { ...valueField, ...keyField };
  throw new Failure(
    'sink.type_changed',
    'stop',
    `field ${keyField.name} of ${plainName(name)} is ${own} in the key and ${other} in the value`,
    { fix: 'give the value field another name, or the type of the key field' },
  );
}

function columnOf(table: TableName, field: AvroField, key: boolean): Column {
  const name = (field as AvroField & { readonly 'pg.name'?: string })['pg.name'] ?? field.name;
  const bytes = Buffer.byteLength(name);
  if (bytes > IDENTIFIER_BYTES_MAX)
    throw new Failure(
      'sink.name_too_long',
      'stop',
      `field ${name} of ${plainName(table)} has ${bytes} bytes, Postgres keeps ${IDENTIFIER_BYTES_MAX}`,
      { fix: 'give the field a shorter name' },
    );
  return { name, field: field.name, type: targetType(field), key, comment: field.doc };
}

function addColumn(table: TableName, columns: Map<string, Column>, column: Column): void {
  const known = columns.get(column.name);
  if (known === undefined || isWider(column.type.sql, known.type.sql)) {
    columns.set(column.name, column);
    return;
  }
  if (known.type.sql === column.type.sql || isWider(known.type.sql, column.type.sql)) return;
  throw new Failure(
    'sink.type_changed',
    'stop',
    `column ${column.name} of ${plainName(table)} is ${known.type.sql} and a schema of its topic asks for ${column.type.sql}`,
    { fix: 'write the topic to a new table under another sink name' },
  );
}
