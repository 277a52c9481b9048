import { UNAVAILABLE_VALUE } from '../../schemas/debezium-event.ts';
import type { Header } from '../kafka/port.ts';
import type { Change, Fields } from './batch.ts';

/** Names the columns whose value was not sent, as a JSON list; Debezium itself only has the placeholder. */
const UNCHANGED_HEADER = '__unchanged';
const UNAVAILABLE_BYTES = Buffer.from(UNAVAILABLE_VALUE);

/** True for the event that says that all rows are gone. It has no key. */
export function isTruncation(event: Fields): boolean {
  return event['op'] === 't';
}

/** Of an event with a key: the row behind it, null of a deletion. */
export function rowOf(event: Fields): Fields | null {
  return event['op'] === 'd' ? null : ((event['after'] ?? null) as Fields | null);
}

/**
 * `source.lsn` is the LSN of the change itself. Changes of one row follow each other in it, since the row is locked
 * from one to the end of its transaction. A row that a snapshot has read may be older than its LSN says (the change of a
 * transaction that committed behind the snapshot may lie before it), so it has no place here.
 */
export function metaOfEvent(event: Fields): Change['meta'] {
  const source = event['source'] as Fields;
  const micros = source['ts_us'] ?? BigInt(source['ts_ms'] as bigint) * 1000n;
  return { __lsn: event['op'] === 'r' ? undefined : source['lsn'], __commit_ts: micros };
}

/** Fields of the row whose value was not sent. @throws SyntaxError for a header that is no JSON list of names */
export function unavailable(row: Fields, headers: readonly Header[]): readonly string[] {
  const told = headers.find(({ key }) => key === UNCHANGED_HEADER)?.value;
  if (told !== undefined && told !== null) return namesIn(told.toString());
  let names: string[] | null = null;
  for (const field in row) if (isPlaceholder(row[field])) (names ??= []).push(field);
  return names ?? NONE;
}

const NONE: readonly string[] = [];

/** The row with nulls in place of placeholders, for a table that does not have it yet: its key has changed. */
export function withoutPlaceholders(row: Fields): Fields {
  const whole: Record<string, unknown> = { ...row };
  for (const field in row) if (isPlaceholder(row[field])) whole[field] = null;
  return whole;
}

function namesIn(json: string): readonly string[] {
  const names: unknown = JSON.parse(json);
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  throw new SyntaxError(`${UNCHANGED_HEADER} is no list of names`);
}

function isPlaceholder(value: unknown): boolean {
  if (typeof value === 'string') return value === UNAVAILABLE_VALUE;
  if (Buffer.isBuffer(value)) return value.equals(UNAVAILABLE_BYTES);
  return Array.isArray(value) && value.length === 1 && value[0] === UNAVAILABLE_VALUE;
}
