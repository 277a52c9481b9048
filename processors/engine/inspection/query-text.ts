import type { AvroField, AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { fromPlainJson } from '../../../schemas/serde/from-plain-json.ts';
import { refusal } from './inspected-state.ts';

/** Rows of an answer unless the question says how many, and at most. */
const ROWS_DEFAULT = 100;
const ROWS_MAX = 1_000;

/**
 * A key as people write it: JSON; the text itself where the key is a string. A record of one field may be given by
 * that field's value alone.
 * @throws Failure `query.bad_key` that names the place
 */
export function keyOf(schema: AvroSchema, text: string): unknown {
  const field = onlyField(schema);
  const json = jsonOf(text, schema === 'string' || (field?.type === 'string' && !text.startsWith('{')));
  const isBare = field !== null && (typeof json !== 'object' || json === null);
  try {
    return fromPlainJson(schema, isBare ? { [field.name]: json } : json);
  } catch (error) {
    if (error instanceof TypeError) throw refusal('bad_key', `the key does not fit: ${error.message}`);
    throw error;
  }
}

function jsonOf(text: string, isText: boolean): unknown {
  if (isText && !text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw refusal('bad_key', 'the key is no JSON', 'write it as JSON, for instance {"order_id":"o1"}');
  }
}

function onlyField(schema: AvroSchema): AvroField | null {
  if (typeof schema !== 'object' || !('fields' in schema)) return null;
  const { fields } = schema as AvroRecord;
  return fields.length === 1 ? (fields[0] ?? null) : null;
}

/** Number of rows asked for. @throws Failure `query.bad_request` */
export function limitOf(parameters: URLSearchParams): number {
  const text = parameters.get('limit');
  const limit = text === null ? ROWS_DEFAULT : Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= ROWS_MAX) return limit;
  throw refusal('bad_request', 'limit is out of bounds', `give a whole number from 1 to ${ROWS_MAX}`);
}

/** A time in milliseconds, or `otherwise` where none is given. @throws Failure `query.bad_request` */
export function timeOf(parameters: URLSearchParams, name: string, otherwise: number): number {
  const text = parameters.get(name);
  if (text === null) return otherwise;
  const time = text === '' ? Number.NaN : Number(text);
  if (Number.isSafeInteger(time)) return time;
  throw refusal('bad_request', `${name} is no time`, 'give whole milliseconds since the Unix epoch');
}

/** @throws Failure `query.bad_request` */
export function requiredKey(parameters: URLSearchParams): string {
  const text = parameters.get('key');
  if (text !== null) return text;
  throw refusal('bad_request', 'no key is given', 'add ?key=JSON, URL-encoded');
}
