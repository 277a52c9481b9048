import { ORIGIN_HEADER } from '../../../schemas/change-event.ts';
import type { Header, ProducerRecord } from '../../kafka/port.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

const SPECIAL_HEADER = 'pg.special';
/** Of the debezium envelope, whose value has no place for it. */
const UNCHANGED_HEADER = '__unchanged';

/** Columns whose text has no place in their Avro type, and those whose out-of-line value was not sent. */
export function recordHeaders(
  special: Readonly<Record<string, string>> | null,
  unchanged: readonly string[],
): readonly Header[] {
  const headers: Header[] = [];
  if (special !== null) headers.push({ key: SPECIAL_HEADER, value: Buffer.from(JSON.stringify(special)) });
  if (unchanged.length > 0)
    headers.push({ key: UNCHANGED_HEADER, value: Buffer.from(JSON.stringify(unchanged)) });
  return headers;
}

/** Rows that were replicated into the source name where they came from. */
export function withOrigin(headers: readonly Header[], { change }: TransactionHead): readonly Header[] {
  if (change.origin === null) return headers;
  return [...headers, { key: ORIGIN_HEADER, value: Buffer.from(change.origin.name) }];
}

export function headerBytes(headers: readonly Header[]): number {
  return headers.reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0);
}

/** A copy of the record with a further header. */
export function withHeader(record: ProducerRecord, key: string, value: Buffer): ProducerRecord {
  const { topic, partition, timestamp, headers = [] } = record;
  const bytes = { key: record.key, value: record.value };
  return { topic, partition, timestamp, ...bytes, headers: [...headers, { key, value }] };
}
