import type { AvroField } from './avro-schema.ts';

/**
 * The `row` envelope: the contract between source, engine and sink. A value is the table's columns at the top, then
 * these fields. A deleted row is a tombstone (null value) that carries the same facts as headers.
 * Identity of an event is `(__lsn, __seq)`: the LSN of its transaction's commit record and its place in that
 * transaction, counted in WAL order before any filter.
 */
export interface ChangeEvent {
  /** c insert, u update, r snapshot read. (d is only ever a tombstone's header.) */
  readonly __op: string;
  /** Commit time in the source, microseconds since 1970-01-01 UTC. For a snapshot row, the time of the snapshot. */
  readonly __commit_ts: bigint;
  /** LSN of the commit record. For a snapshot row, the LSN that the snapshot stands at. */
  readonly __lsn: bigint;
  readonly __seq: bigint;
  readonly __xid: bigint;
  /** Columns whose out-of-line (TOAST) value Postgres did not send: null here, unchanged in the source. */
  readonly __unchanged: readonly string[];
}

/** The envelope's fields, appended to the columns of every table's value schema. */
export const CHANGE_EVENT_FIELDS: readonly AvroField[] = [
  { name: '__op', type: 'string', default: 'u' },
  { name: '__commit_ts', type: { type: 'long', logicalType: 'timestamp-micros' }, default: 0 },
  { name: '__lsn', type: 'long', default: 0 },
  { name: '__seq', type: 'long', default: 0 },
  { name: '__xid', type: 'long', default: 0 },
  { name: '__unchanged', type: { type: 'array', items: 'string' }, default: [] },
];

/** Header names of a tombstone; the values are decimal text. */
export const TOMBSTONE_HEADERS = { op: '__op', commitTs: '__commit_ts', lsn: '__lsn', seq: '__seq' } as const;

/** `<prefix>.<schema>.<table>`: where the rows of a table go. */
export function cdcTopicName(prefix: string, schema: string, table: string): string {
  return `${prefix}.${schema}.${table}`;
}

/** Where the source tells how far it is: see schemas/progress.ts. */
export function progressTopicName(prefix: string): string {
  return `${prefix}.progress`;
}
