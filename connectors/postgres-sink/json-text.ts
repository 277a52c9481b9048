import {
  type AvroArray,
  type AvroField,
  type AvroMap,
  type AvroRecord,
  type AvroSchema,
  withoutNull,
} from '../../schemas/avro-schema.ts';
import { scalarType } from './scalar-type.ts';

/** Column types whose text is a JSON number or literal as it stands; all others become JSON strings. */
const BARE = /^(integer|bigint|numeric.*|boolean)$/;

/**
 * The JSON text of a nested Avro value, for a jsonb column. Numbers keep all their digits (jsonb's numbers are
 * `numeric`), dates, times and bytes are the strings that Postgres would print, NaN and infinities are strings.
 */
export function jsonText(schema: AvroSchema, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  const branch = withoutNull(schema);
  if (Array.isArray(branch)) return unionText(branch as readonly AvroSchema[], value);
  if (typeof branch === 'object' && 'type' in branch) {
    if (branch.type === 'array') return arrayText((branch as AvroArray).items, value as readonly unknown[]);
    if (branch.type === 'map')
      return mapText((branch as AvroMap).values, value as Readonly<Record<string, unknown>>);
    if (branch.type === 'record')
      return recordText(branch as AvroRecord, value as Readonly<Record<string, unknown>>);
  }
  return leafText(branch, value);
}

function leafText(schema: AvroSchema, value: unknown): string {
  const type = scalarType(schema, 'value');
  if (typeof value === 'number')
    return Number.isFinite(value) && !type.quoted ? String(value) : JSON.stringify(type.text(value));
  const text = type.text(value);
  return BARE.test(type.sql) ? text : JSON.stringify(text);
}

function arrayText(items: AvroSchema, values: readonly unknown[]): string {
  return `[${values.map((value) => jsonText(items, value)).join(',')}]`;
}

function mapText(values: AvroSchema, map: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(map).map(
    ([key, value]) => `${JSON.stringify(key)}:${jsonText(values, value)}`,
  );
  return `{${members.join(',')}}`;
}

function recordText(record: AvroRecord, value: Readonly<Record<string, unknown>>): string {
  const member = (field: AvroField): string =>
    `${JSON.stringify(field.name)}:${jsonText(field.type, value[field.name])}`;
  return `{${record.fields.map(member).join(',')}}`;
}

/** avsc hands out `{branch: value}` where the branches cannot be told apart by the value, the bare value elsewhere. */
function unionText(branches: readonly AvroSchema[], value: unknown): string {
  if (typeof value === 'object' && value !== null && !Buffer.isBuffer(value)) {
    const entries = Object.entries(value);
    const only = entries.length === 1 ? entries[0] : undefined;
    const wrapped =
      only === undefined ? undefined : branches.find((branch) => branchName(branch) === only[0]);
    if (only !== undefined && wrapped !== undefined) return jsonText(wrapped, only[1]);
  }
  const branch = branches.find((candidate) => holds(candidate, value));
  return branch === undefined ? JSON.stringify(String(value)) : jsonText(branch, value);
}

function branchName(schema: AvroSchema): string {
  if (typeof schema === 'string') return schema;
  if (Array.isArray(schema)) return '';
  if ('name' in schema)
    return schema.namespace === undefined ? schema.name : `${schema.namespace}.${schema.name}`;
  return (schema as { readonly type: string }).type;
}

function holds(schema: AvroSchema, value: unknown): boolean {
  const name =
    typeof schema === 'string' ? schema : Array.isArray(schema) ? '' : (schema as { type: string }).type;
  switch (name) {
    case 'boolean':
      return typeof value === 'boolean';
    case 'int':
    case 'float':
    case 'double':
      return typeof value === 'number';
    case 'long':
      return typeof value === 'bigint';
    case 'string':
    case 'enum':
      return typeof value === 'string';
    case 'bytes':
    case 'fixed':
      return Buffer.isBuffer(value) || (typeof value === 'object' && value !== null && 'unscaled' in value);
    case 'array':
      return Array.isArray(value);
    default:
      return typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value);
  }
}
