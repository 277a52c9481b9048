import { must } from '../../infra/process/assert.ts';
import type { ConsumerRecord, FetchedBatch, TopicPartition } from '../kafka/port.ts';

/** Bounds of one Postgres transaction. A single record larger than `bytesMax` is a batch of its own. */
export interface BatchBounds {
  readonly rowsMax: number;
  readonly bytesMax: number;
}

/** A run of records of one partition, and where that partition stands after it. */
export interface Slice extends TopicPartition {
  readonly records: readonly ConsumerRecord[];
  readonly nextOffset: number;
}

/** What a poll brought, handed out in pieces that fit one transaction; each partition stays in order. */
export class Inbox {
  #batches: FetchedBatch[] = [];
  /** Index of the first record of the first batch that is not handed out. */
  #cursor = 0;

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  add(batches: readonly FetchedBatch[]): void {
    this.#batches.push(...batches);
  }

  clear(): void {
    this.#batches = [];
    this.#cursor = 0;
  }

  /** The next transaction's records, at most one slice per batch of the poll. */
  take(bounds: BatchBounds): readonly Slice[] {
    const slices: Slice[] = [];
    let rowsLeft = bounds.rowsMax;
    let bytesLeft = bounds.bytesMax;
    while (this.#batches.length > 0 && rowsLeft > 0 && bytesLeft > 0) {
      const batch = must(this.#batches[0], 'the inbox is not empty');
      const start = this.#cursor;
      let end = start;
      while (end < batch.records.length && rowsLeft > 0 && bytesLeft > 0) {
        bytesLeft -= sizeOf(must(batch.records[end], 'end is inside of the batch'));
        rowsLeft--;
        end++;
      }
      slices.push(this.#slice(batch, start, end));
    }
    return slices;
  }

  #slice(batch: FetchedBatch, start: number, end: number): Slice {
    const { topic, partition, records } = batch;
    const following = records[end];
    if (following === undefined) {
      this.#batches.shift();
      this.#cursor = 0;
    } else {
      this.#cursor = end;
    }
    const nextOffset = following?.offset ?? batch.nextOffset;
    return {
      topic,
      partition,
      nextOffset,
      records: start === 0 && following === undefined ? records : records.slice(start, end),
    };
  }
}

function sizeOf(record: ConsumerRecord): number {
  return (record.key?.length ?? 0) + (record.value?.length ?? 0);
}
