import type { Kafka } from '../../../connectors/kafka/port.ts';

/** A consumer group and the topics that it reads, in the order of the chain. */
export interface Stage {
  readonly group: string;
  readonly topics: readonly string[];
}

/**
 * What the group has still to read, or null when that is nothing. Counts up to the high watermark, not to the last
 * stable offset: a group's offsets can be seen before the results that were committed with them.
 * @throws what the port throws
 */
export async function stageLag(kafka: Kafka, { group, topics }: Stage): Promise<string | null> {
  const partitions = [];
  for (const topic of topics)
    for (let partition = await kafka.partitionCount(topic); partition-- > 0;)
      partitions.push({ topic, partition });
  const committed = await kafka.committedOffsets(group, partitions);
  const ends = await kafka.listOffsets(partitions, 'high-watermark');
  for (const [i, { topic, partition }] of partitions.entries()) {
    const [offset, end] = [committed[i] ?? 0, ends[i] ?? 0];
    if (end > offset) return `${topic}-${partition} is at ${offset} of ${end}`;
  }
  return null;
}
