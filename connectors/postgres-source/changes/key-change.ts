import { KEY_CHANGE_HEADERS } from '../../../schemas/change-event.ts';
import { DEBEZIUM_KEY_CHANGE_HEADERS } from '../../../schemas/debezium-event.ts';
import type { ProducerRecord } from '../../kafka/port.ts';
import { headerBytes, withHeader } from '../records/record-headers.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { TransactionHead } from './transaction-head.ts';

/** Of a record and its batch beside keys, value and headers; the header's own name is in it. */
const OVERHEAD_BYTES_MAX = 256;

/** What a row's new primary key makes of it. */
export interface KeyChange {
  readonly ended: ProducerRecord;
  readonly begun: ProducerRecord;
}

/**
 * Names in either record the key of the other. A dead letter is not linked, and a record that has no room for the
 * header goes without.
 */
export function linkedKeys(encoder: RowEncoder, { ended, begun }: KeyChange): KeyChange {
  if (ended.key === null || begun.key === null) return { ended, begun };
  const { newKey, oldKey } = encoder.isDebezium ? DEBEZIUM_KEY_CHANGE_HEADERS : KEY_CHANGE_HEADERS;
  const room = encoder.target.recordBytesMax - begun.key.length - ended.key.length - OVERHEAD_BYTES_MAX;
  const links = ({ topic, value, headers }: ProducerRecord): boolean =>
    topic === encoder.target.topic && (value?.length ?? 0) + headerBytes(headers ?? []) <= room;
  if (!links(ended) || !links(begun)) return { ended, begun };
  // The two may go out in different parts of a transaction, and the memory of the first is used again.
  const [endedKey, begunKey] = [Buffer.from(ended.key), Buffer.from(begun.key)];
  return { ended: withHeader(ended, newKey, begunKey), begun: withHeader(begun, oldKey, endedKey) };
}

/** What follows a deletion, so that compaction drops its key; null for nothing. A dead letter ends no key. */
export function tombstoneBehind(
  encoder: RowEncoder,
  deletion: ProducerRecord,
  head: TransactionHead,
  seq: number,
): ProducerRecord | null {
  const { key, topic, headers } = deletion;
  if (!encoder.hasTombstones || key === null || topic !== encoder.target.topic) return null;
  const tombstone = encoder.tombstone(key, head, seq);
  const newKey = headers?.find((header) => header.key === DEBEZIUM_KEY_CHANGE_HEADERS.newKey)?.value ?? null;
  return newKey === null ? tombstone : withHeader(tombstone, DEBEZIUM_KEY_CHANGE_HEADERS.newKey, newKey);
}
