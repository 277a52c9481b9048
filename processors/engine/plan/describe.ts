import type { Plan, PlanNode } from './plan.ts';
import { globalSources, subTopologies } from './sub-topology.ts';
import type { TopicNames } from './topic-names.ts';

/** The plan as text, in the format of Kafka Streams' `Topology.describe()`. */
export function describeTopology(plan: Plan, names: TopicNames): string {
  const parts = subTopologies(plan);
  const lines = ['Topologies:'];
  for (const { id, nodes } of parts) {
    lines.push(`   Sub-topology: ${id}`);
    for (const node of nodes) lines.push(...nodeLines(node, nodes, names));
    lines.push('');
  }
  globalSources(plan).forEach((source, index) => {
    lines.push(`   Sub-topology: ${parts.length + index} for global store (will not generate tasks)`);
    lines.push(...nodeLines(source, [], names));
    lines.push('');
  });
  return lines.join('\n');
}

function nodeLines(node: PlanNode, nodes: readonly PlanNode[], names: TopicNames): string[] {
  const isSink = node.operator === 'sink' || node.operator === 'repartition-sink';
  const children = nodes.filter((other) => other.inputs.includes(node.id)).map((other) => other.id);
  const lines = [`    ${headLine(node, names)}`];
  if (!isSink) lines.push(`      --> ${children.length === 0 ? 'none' : children.join(', ')}`);
  if (node.inputs.length > 0) lines.push(`      <-- ${node.inputs.join(', ')}`);
  return lines;
}

function headLine(node: PlanNode, names: TopicNames): string {
  switch (node.operator) {
    case 'stream-source':
      return `Source: ${node.id} (topics: [${names.catalogue(node.topic.name)}])`;
    case 'table-source':
    case 'global-source':
      return `Source: ${node.id} (topics: [${names.catalogue(node.topic.name)}], stores: [${node.stores.join(', ')}]${node.loadFirst === true ? ', loaded first' : ''})`;
    case 'repartition-source':
      return `Source: ${node.id} (topics: [${names.repartition(node.repartition)}])`;
    case 'sink':
      return `Sink: ${node.id} (topic: ${names.catalogue(node.topic.name)})`;
    case 'repartition-sink':
      return `Sink: ${node.id} (topic: ${names.repartition(node.repartition)})`;
    case 'filter':
    case 'map-values':
    case 'table-filter':
    case 'table-map-values':
    case 'select-key':
    case 'table-group-by':
    case 'stream-stream-join':
    case 'stream-table-join':
    case 'stream-global-join':
    case 'table-table-join':
    case 'subscription-send':
    case 'foreign-table-join':
    case 'response-join':
    case 'stream-aggregate':
    case 'table-aggregate':
    case 'window-aggregate':
    case 'suppress':
    case 'flat-map-values':
    case 'merge':
    case 'process':
      return `Processor: ${node.id} (stores: [${node.stores.join(', ')}])`;
  }
}
