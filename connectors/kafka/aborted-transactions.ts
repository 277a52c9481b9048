import { appendRecords, isAbortMarker, readBatches } from './record-batch.ts';
import type { ConsumerRecord, TopicPartition } from './port.ts';
import type { RecordBatch } from './record-batch.ts';

/** A transaction that ended as aborted and has records in a fetched set. */
export interface AbortedTransaction {
  readonly producerId: number;
  readonly firstOffset: number;
}

/**
 * Says of each data batch, asked in offset order, whether a read-committed reader sees it.
 *
 * The broker lists aborted transactions in the order of their end markers, so the list is sorted here; several can be
 * open at one offset, so each batch opens all that are due; and only a control batch ends one: a data record may
 * have any key, also one that looks like a marker.
 */
function abortedTransactionFilter(
  listed: readonly AbortedTransaction[],
  source: TopicPartition,
): (batch: RecordBatch) => boolean {
  const queue = listed.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<number>();
  let due = 0;
  return (batch) => {
    for (
      let next = queue[due];
      next !== undefined && next.firstOffset <= batch.baseOffset;
      next = queue[++due]
    )
      open.add(next.producerId);
    if (batch.control) {
      if (isAbortMarker(batch, source)) open.delete(batch.producerId);
      return false;
    }
    return !(batch.transactional && open.has(batch.producerId));
  };
}

/** What a read-committed reader sees of a record set that was fetched at `position`. */
export interface CommittedRecords {
  readonly records: ConsumerRecord[];
  /** Past every whole batch of the set, also past those that yielded no record. */
  readonly nextOffset: number;
}

/** @throws Failure `kafka.corrupt_batch` or `kafka.unsupported_codec` (stop) */
export function committedRecords(
  set: Buffer,
  aborted: readonly AbortedTransaction[],
  source: TopicPartition,
  position: number,
): CommittedRecords {
  const visible = abortedTransactionFilter(aborted, source);
  const records: ConsumerRecord[] = [];
  let nextOffset = position;
  for (const batch of readBatches(set, source)) {
    if (visible(batch)) appendRecords(batch, source, position, records);
    nextOffset = Math.max(nextOffset, batch.nextOffset);
  }
  return { records, nextOffset };
}
