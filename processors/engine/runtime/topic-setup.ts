import type { Kafka, TopicSpec } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { STREAM_CONFIG, TABLE_CONFIG } from '../../../schemas/topic.ts';
import { type PartitionPlan, planPartitions } from '../plan/partition-plan.ts';
import type { Plan, SinkNode } from '../plan/plan.ts';
import { type SubTopology, globalSources } from '../plan/sub-topology.ts';
import type { ApplicationNames } from './application-names.ts';

/** Numbers of partitions as they are in Kafka once every topic exists. */
export interface TopicSetup extends PartitionPlan {
  /** By Kafka name: result topics and global tables. */
  readonly partitions: ReadonlyMap<string, number>;
}

/**
 * Changelogs are compacted and never age: an entry that leaves a window leaves a tombstone. Retention by time would
 * go by the wall clock, but windows close by event time, which may stand still for longer.
 */
const CHANGELOG_CONFIG: Readonly<Record<string, string>> = { 'cleanup.policy': 'compact' };

/**
 * As in Kafka Streams: kept until processed and purged, in segments of 50 MiB, since disk space comes back by whole
 * segments.
 */
const REPARTITION_CONFIG: Readonly<Record<string, string>> = {
  'cleanup.policy': 'delete',
  'retention.ms': '-1',
  'segment.bytes': '52428800',
};

/** Names in Kafka of the topics that a plan reads and does not write itself. */
export function sourceTopics(plan: Plan, names: ApplicationNames): string[] {
  const read = plan.nodes.flatMap((node) =>
    'topic' in node && node.operator !== 'sink' ? [names.catalogue(node.topic.name)] : [],
  );
  return [...new Set(read)];
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

  const sinks = plan.nodes.filter((node): node is SinkNode => node.operator === 'sink');
  const results = new Map(sinks.map((node) => [names.catalogue(node.topic.name), node.topic]));
  const resultSpecs = await Promise.all(
    [...results].map(async ([name, topic]) => ({
      name,
      partitions: (await existingPartitions(kafka, name)) ?? topic.partitions,
      config: topic.kind === 'table' ? TABLE_CONFIG : STREAM_CONFIG,
    })),
  );
  await kafka.ensureTopics([...resultSpecs, ...internalTopics(plan, parts, partitionPlan, names)]);
  for (const spec of resultSpecs) partitions.set(spec.name, spec.partitions);
  return { ...partitionPlan, partitions };
}

/** A topic that exists keeps its number of partitions, whatever the catalogue says. */
async function existingPartitions(kafka: Kafka, topic: string): Promise<number | null> {
  try {
    return await kafka.partitionCount(topic);
  } catch (error) {
    if (error instanceof Failure && error.code === 'kafka.topic_missing') return null;
    throw error;
  }
}

function internalTopics(
  plan: Plan,
  parts: readonly SubTopology[],
  { repartitions, tasks }: PartitionPlan,
  names: ApplicationNames,
): TopicSpec[] {
  const between = plan.repartitions.map(({ name }) => ({
    name: names.repartition(name),
    partitions: repartitions.get(name) ?? 1,
    config: REPARTITION_CONFIG,
    internal: true,
  }));
  const changelogs = parts.flatMap((part) =>
    part.stores
      .filter((store) => store.changelog)
      .map((store) => ({
        name: names.changelog(store.name),
        partitions: tasks[part.id] ?? 1,
        config: CHANGELOG_CONFIG,
        internal: true,
      })),
  );
  return [...between, ...changelogs];
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
