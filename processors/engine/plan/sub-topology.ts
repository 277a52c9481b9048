import type { Plan, PlanNode, PlanStore, SourceNode } from './plan.ts';

/** A part of a plan that is connected without going through a topic. Its tasks are its partitions. */
export interface SubTopology {
  readonly id: number;
  readonly nodes: readonly PlanNode[];
  readonly stores: readonly PlanStore[];
}

/** Splits a plan where records go through a repartition topic. Global tables belong to no task. */
export function subTopologies(plan: Plan): readonly SubTopology[] {
  const groupOf = new Map<string, string>();
  const find = (id: string): string => {
    const parent = groupOf.get(id) ?? id;
    return parent === id ? id : find(parent);
  };
  const unite = (a: string, b: string): void => void groupOf.set(find(a), find(b));

  const byTopic = new Map<string, string>();
  for (const node of plan.nodes) {
    if (!groupOf.has(node.id)) groupOf.set(node.id, node.id);
    for (const input of node.inputs) unite(node.id, input);
    if (node.operator !== 'stream-source' && node.operator !== 'table-source') continue;
    const sameTopic = byTopic.get(node.topic.name);
    if (sameTopic === undefined) byTopic.set(node.topic.name, node.id);
    else unite(node.id, sameTopic);
  }

  const groups = new Map<string, PlanNode[]>();
  for (const node of plan.nodes) {
    if (node.operator === 'global-source') continue;
    const root = find(node.id);
    groups.set(root, [...(groups.get(root) ?? []), node]);
  }
  return [...groups.values()].map((nodes, id) => {
    const names = new Set(nodes.flatMap((node) => node.stores));
    return { id, nodes, stores: plan.stores.filter((store) => names.has(store.name)) };
  });
}

export function globalSources(plan: Plan): readonly SourceNode[] {
  return plan.nodes.filter((node): node is SourceNode => node.operator === 'global-source');
}

/** The sources of global tables that a sub-topology's nodes look into. */
export function globalsOf(plan: Plan, subTopology: SubTopology): readonly SourceNode[] {
  const ids = new Set(
    subTopology.nodes.map((node) => (node.operator === 'stream-global-join' ? node.global : null)),
  );
  return globalSources(plan).filter((source) => ids.has(source.id));
}
