import type { TopicSpec } from '../../../connectors/kafka/port.ts';
import { STREAM_CONFIG, TABLE_CONFIG } from '../../../schemas/topic.ts';
import type { PartitionPlan } from './partition-plan.ts';
import type { Plan, PlanTopic, SinkNode } from './plan.ts';
import type { SubTopology } from './sub-topology.ts';
import type { TopicNames } from './topic-names.ts';

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

/** One record: the plan that state was written under. It lives as long as the changelogs, which no other place does. */
const PLAN_CONFIG = CHANGELOG_CONFIG;

/** A topic of the application's own, as it is created. */
export interface InternalTopic extends TopicSpec {
  readonly role: 'repartition' | 'changelog' | 'plan';
  /** The store, the repartition or the pipeline that the topic belongs to. */
  readonly of: string;
  readonly internal: true;
}

/** Names in Kafka of the topics that a plan reads and does not write itself. */
export function sourceTopics(plan: Plan, names: TopicNames): string[] {
  const read = plan.nodes.flatMap((node) =>
    'topic' in node && node.operator !== 'sink' ? [names.catalogue(node.topic.name)] : [],
  );
  return [...new Set(read)];
}

/** The topics that a plan writes its results to, as the catalogue has them, by their names in Kafka. */
export function resultTopics(plan: Plan, names: TopicNames): ReadonlyMap<string, PlanTopic> {
  const sinks = plan.nodes.filter((node): node is SinkNode => node.operator === 'sink');
  return new Map(sinks.map((node) => [names.catalogue(node.topic.name), node.topic]));
}

/** How a result topic is created. One that exists keeps its number of partitions, whatever the catalogue says. */
export function resultSpec(name: string, topic: PlanTopic, existingPartitions: number | null): TopicSpec {
  return {
    name,
    partitions: existingPartitions ?? topic.partitions,
    config: topic.kind === 'table' ? TABLE_CONFIG : STREAM_CONFIG,
  };
}

/**
 * How the dead-letter topic is created. A letter may be the only copy of a record that its topic has let go: it stays
 * until somebody deletes it. One that exists keeps its number of partitions.
 */
export function deadLetterSpec(name: string, existingPartitions: number | null): TopicSpec {
  return {
    name,
    partitions: existingPartitions ?? 1,
    config: { ...STREAM_CONFIG, 'retention.ms': '-1' },
  };
}

/**
 * The topics of the application's own: what goes between sub-topologies, what restores the stores, and the plan that
 * both were written under. An application that keeps nothing has none.
 */
export function internalTopics(
  plan: Plan,
  parts: readonly SubTopology[],
  { repartitions, tasks }: PartitionPlan,
  names: TopicNames,
): InternalTopic[] {
  const between = plan.repartitions.map(({ name }): InternalTopic => ({
    role: 'repartition',
    of: name,
    name: names.repartition(name),
    partitions: repartitions.get(name) ?? 1,
    config: REPARTITION_CONFIG,
    internal: true,
  }));
  const changelogs = parts.flatMap((part) =>
    part.stores
      .filter((store) => store.changelog)
      .map((store): InternalTopic => ({
        role: 'changelog',
        of: store.name,
        name: names.changelog(store.name),
        partitions: tasks[part.id] ?? 1,
        config: CHANGELOG_CONFIG,
        internal: true,
      })),
  );
  const kept: InternalTopic = {
    role: 'plan',
    of: plan.pipeline,
    name: names.plan,
    partitions: 1,
    config: PLAN_CONFIG,
    internal: true,
  };
  const state = [...between, ...changelogs];
  return state.length === 0 ? [] : [...state, kept];
}
