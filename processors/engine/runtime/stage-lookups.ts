import type { Kafka, TopicPartition } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { StageLookups } from './stage-cut.ts';

/** Asks Kafka where a group and topics stand. */
export function stageLookups(
  kafka: Pick<Kafka, 'committedOffsets' | 'listOffsets' | 'partitionCount'>,
  groupId: string,
): StageLookups {
  const counts = new Map<string, number>();
  const partitionsOf = async (topics: readonly string[]): Promise<TopicPartition[]> => {
    for (const topic of topics) if (!counts.has(topic)) counts.set(topic, await kafka.partitionCount(topic));
    return topics.flatMap((topic) =>
      Array.from({ length: counts.get(topic) ?? 0 }, (_, partition) => ({ topic, partition })),
    );
  };
  return {
    async committed(topics) {
      const partitions = await partitionsOf(topics);
      const offsets = await kafka.committedOffsets(groupId, partitions);
      const unread = partitions.filter((_, i) => (offsets[i] ?? null) === null);
      const starts = unread.length === 0 ? [] : await kafka.listOffsets(unread, 'earliest');
      const startOf = new Map(unread.map((partition, i) => [partition, starts[i] ?? 0]));
      return byTopic(
        partitions,
        partitions.map((partition, i) => offsets[i] ?? startOf.get(partition) ?? 0),
      );
    },
    async highWatermarks(topics) {
      const partitions = await partitionsOf(topics);
      return byTopic(partitions, await kafka.listOffsets(partitions, 'high-watermark'));
    },
  };
}

function byTopic(
  partitions: readonly TopicPartition[],
  offsets: readonly number[],
): ReadonlyMap<string, readonly number[]> {
  const found = new Map<string, number[]>();
  for (const [i, { topic }] of partitions.entries()) {
    const known = found.get(topic) ?? [];
    known.push(must(offsets[i], 'an offset for each partition'));
    found.set(topic, known);
  }
  return found;
}
