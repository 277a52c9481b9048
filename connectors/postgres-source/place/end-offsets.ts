import type { Kafka, PartitionOffset } from '../../kafka/port.ts';

/** The end of every partition of the source's topics: what a progress cut tells. */
export class EndOffsets {
  readonly #ends = new Map<string, number[]>();

  /** Adds topics as they stand in Kafka now. To be called while no transaction of ours is open. */
  async load(kafka: Kafka, topics: readonly string[]): Promise<void> {
    for (const topic of topics) {
      const count = await kafka.partitionCount(topic);
      const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
      this.#ends.set(topic, [...(await kafka.listOffsets(partitions, 'high-watermark'))]);
    }
  }

  has(topic: string): boolean {
    return this.#ends.has(topic);
  }

  /** Per partition; undefined for a topic that was not loaded. */
  of(topic: string): readonly number[] | undefined {
    return this.#ends.get(topic);
  }

  /** Takes over what a send has acknowledged. Other topics are none of ours. */
  advance(ends: readonly PartitionOffset[]): void {
    for (const { topic, partition, offset } of ends) {
      const known = this.#ends.get(topic);
      if (known !== undefined) known[partition] = offset;
    }
  }

  toJSON(): Record<string, readonly number[]> {
    return Object.fromEntries(this.#ends);
  }
}
