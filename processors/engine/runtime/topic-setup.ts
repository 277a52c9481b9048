import type { Kafka } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type PartitionPlan, planPartitions } from '../plan/partition-plan.ts';
import type { Plan } from '../plan/plan.ts';
import { internalTopics, resultSpec, resultTopics, sourceTopics } from '../plan/planned-topics.ts';
import { type SubTopology, globalSources } from '../plan/sub-topology.ts';
import type { ApplicationNames } from './application-names.ts';

/** Numbers of partitions as they are in Kafka once every topic exists. */
export interface TopicSetup extends PartitionPlan {
  /** By Kafka name: result topics and global tables. */
  readonly partitions: ReadonlyMap<string, number>;
}

/**
 * Creates the internal topics and the result topics, after checking that what is joined has equal partitions.
 * @throws Failure `engine.not_co_partitioned`, `kafka.topic_drift` (stop)
 */
export async function setUpTopics(
  kafka: Kafka,
  plan: Plan,
  parts: readonly SubTopology[],
  names: ApplicationNames,
): Promise<TopicSetup> {
  const sources = sourceTopics(plan, names);
  const counts = await Promise.all(sources.map((topic) => kafka.partitionCount(topic)));
  const partitions = new Map(sources.map((topic, index) => [topic, counts[index] ?? 0]));
  const partitionPlan = planPartitions(plan, parts, (name) => partitions.get(names.catalogue(name)) ?? 0);

  const resultSpecs = await Promise.all(
    [...resultTopics(plan, names)].map(async ([name, topic]) =>
      resultSpec(name, topic, await existingPartitions(kafka, name)),
    ),
  );
  await kafka.ensureTopics([...resultSpecs, ...internalTopics(plan, parts, partitionPlan, names)]);
  for (const spec of resultSpecs) partitions.set(spec.name, spec.partitions);
  return { ...partitionPlan, partitions };
}

/** Null for a topic that is not there. */
export async function existingPartitions(kafka: Kafka, topic: string): Promise<number | null> {
  try {
    return await kafka.partitionCount(topic);
  } catch (error) {
    if (error instanceof Failure && error.code === 'kafka.topic_missing') return null;
    throw error;
  }
}

/** The partitions of the topics behind a plan's global tables, with the source that reads each. */
export function globalPartitions(
  plan: Plan,
  names: ApplicationNames,
  setup: TopicSetup,
): { topic: string; partition: number; sourceId: string }[] {
  return globalSources(plan).flatMap((source) => {
    const topic = names.catalogue(source.topic.name);
    const count = setup.partitions.get(topic) ?? 0;
    return Array.from({ length: count }, (_, partition) => ({ topic, partition, sourceId: source.id }));
  });
}
