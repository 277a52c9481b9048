import type { Plan, PlanNode } from './plan.ts';
import type { TopicNames } from './topic-names.ts';

/** A topic that a plan writes. */
export interface FedTopic {
  /** In Kafka. */
  readonly name: string;
  /** Goes on to another sub-topology of the same plan; else it is a result. */
  readonly isInternal: boolean;
  /** The topics that the plan reads whose records bring something into it. */
  readonly feeders: ReadonlySet<string>;
}

/**
 * What a plan writes and from what, node by node: sub-topologies may feed each other in circles (a foreign-key join asks and is
 * answered), topics do not. A global table feeds nothing: its changes bring no results.
 */
export function fedTopics(plan: Plan, names: TopicNames): readonly FedTopic[] {
  const feedersOf = new Map<string, ReadonlySet<string>>();
  const fed = new Map<string, { name: string; isInternal: boolean; feeders: Set<string> }>();
  for (const node of plan.nodes) {
    const feeders = new Set([
      ...topicRead(node, names),
      ...node.inputs.flatMap((id) => [...(feedersOf.get(id) ?? [])]),
    ]);
    feedersOf.set(node.id, feeders);
    if (node.operator !== 'sink' && node.operator !== 'repartition-sink') continue;
    const isInternal = node.operator === 'repartition-sink';
    const name = isInternal ? names.repartition(node.repartition) : names.catalogue(node.topic.name);
    const known = fed.get(name)?.feeders ?? [];
    fed.set(name, { name, isInternal, feeders: new Set([...known, ...feeders]) });
  }
  return [...fed.values()];
}

function topicRead(node: PlanNode, names: TopicNames): readonly string[] {
  if (node.operator === 'stream-source' || node.operator === 'table-source')
    return [names.catalogue(node.topic.name)];
  return node.operator === 'repartition-source' ? [names.repartition(node.repartition)] : [];
}
