import type { PartitionOffset, TopicPartition } from './port.ts';

/** What one call of send() waits for: the acknowledgement of every batch that holds a record of it. */
export class Delivery {
  readonly #settled = Promise.withResolvers<readonly PartitionOffset[]>();
  readonly #ends = new Map<TopicPartition, number>();
  /** Batches that are not acknowledged. */
  #open = 0;
  #complete = false;

  constructor() {
    // Who waits sees the failure; a delivery that fails while its sender still appends has nobody waiting yet.
    this.#settled.promise.catch(() => undefined);
  }

  /** The offset after the last record of each partition. */
  get done(): Promise<readonly PartitionOffset[]> {
    return this.#settled.promise;
  }

  joinBatch(): void {
    this.#open++;
  }

  /** The records have moved to other batches. */
  leaveBatch(): void {
    this.#open--;
  }

  acknowledge(partition: TopicPartition, nextOffset: number): void {
    this.#ends.set(partition, nextOffset);
    this.#open--;
    this.#settle();
  }

  /** No more records are coming. */
  complete(): void {
    this.#complete = true;
    this.#settle();
  }

  fail(error: unknown): void {
    this.#settled.reject(error);
  }

  #settle(): void {
    if (!this.#complete || this.#open > 0) return;
    this.#settled.resolve(
      [...this.#ends].map(([{ topic, partition }, offset]) => ({ topic, partition, offset })),
    );
  }
}
