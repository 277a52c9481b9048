import type { Kafka } from '../connectors/kafka/port.ts';
import type { PartitionCounts } from './engine/plan/explain.ts';
import type { Plan } from './engine/plan/plan.ts';
import { resultTopics, sourceTopics } from './engine/plan/planned-topics.ts';
import type { TopicNames } from './engine/plan/topic-names.ts';
import { existingPartitions } from './engine/runtime/existing-partitions.ts';

/** How many partitions a plan's sources, results and dead letters have in Kafka; those that are not there are left out. */
export async function partitionCounts(kafka: Kafka, plan: Plan, names: TopicNames): Promise<PartitionCounts> {
  const catalogue = [...sourceTopics(plan, names), ...resultTopics(plan, names).keys()];
  const topics = [...new Set([...catalogue, names.deadLetters])];
  const counts = await Promise.all(topics.map((topic) => existingPartitions(kafka, topic)));
  return new Map(
    topics.flatMap((topic, index): [string, number][] => {
      const count = counts[index] ?? null;
      return count === null ? [] : [[topic, count]];
    }),
  );
}
