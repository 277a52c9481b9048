import type { AvroField } from './avro-schema.ts';

/**
 * The `row` envelope: the contract between source, engine and sink. A value is the table's columns at the top, then
 * these fields. A deleted row is a tombstone (null value) that carries the same facts as headers.
 * Identity of an event is `(__lsn, __seq)`: the LSN of its transaction's commit record and its place in that
 * transaction, counted in WAL order before any filter. Times are microseconds since 1970-01-01 UTC.
 */
export const CHANGE_EVENT_FIELDS: readonly AvroField[] = [
  { name: '__op', type: 'string', default: 'u', doc: 'c insert, u update, r read by a snapshot' },
  {
    name: '__commit_ts',
    type: { type: 'long', logicalType: 'timestamp-micros' },
    default: 0,
    doc: 'commit time in the source; of a snapshot row, the time of the snapshot',
  },
  {
    name: '__lsn',
    type: 'long',
    default: 0,
    doc: 'LSN of the commit record; of a snapshot row, the LSN that the snapshot stands at',
  },
  { name: '__seq', type: 'long', default: 0, doc: 'place in the transaction, in WAL order' },
  { name: '__xid', type: 'long', default: 0, doc: 'transaction id in the source, 0 of a snapshot row' },
  {
    name: '__unchanged',
    type: { type: 'array', items: 'string' },
    default: [],
    doc: 'columns whose out-of-line (TOAST) value was not sent: null here, unchanged in the source',
  },
];

/** Header names of a tombstone; the values are decimal text. */
export const TOMBSTONE_HEADERS = { op: '__op', commitTs: '__commit_ts', lsn: '__lsn', seq: '__seq' } as const;

/** Header of a record whose transaction came from elsewhere by logical replication: the name of its origin. */
export const ORIGIN_HEADER = '__origin';

/**
 * A row that gets another primary key is a tombstone and a new row: headers with the key of the other record, as it
 * stands in Kafka.
 */
export const KEY_CHANGE_HEADERS = { newKey: '__newkey', oldKey: '__oldkey' } as const;

/** `<prefix>.<schema>.<table>`: where the rows of a table go. */
export function cdcTopicName(prefix: string, schema: string, table: string): string {
  return `${prefix}.${schema}.${table}`;
}

/** Where the source tells how far it is: see schemas/progress.ts. */
export function progressTopicName(prefix: string): string {
  return `${prefix}.progress`;
}
