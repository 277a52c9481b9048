import type { ExplainedNode, ExplainedTopic, Explanation } from './explain.ts';

/**
 * The topology as a Mermaid flowchart: topics as slanted boxes, a box around each sub-topology, stores as cylinders.
 * A dotted arrow is a look into a global table; internal topics have a dashed border.
 */
export function mermaid(explanation: Explanation): string {
  const { subTopologies, globals, topics, stores, joins, results } = explanation;
  const ids = new Map<string, string>();
  const idOf = (kind: string, name: string): string => {
    const known = ids.get(`${kind} ${name}`) ?? `${kind}${ids.size}`;
    ids.set(`${kind} ${name}`, known);
    return known;
  };
  const shown = topics.filter(({ role }) => role !== 'changelog' && role !== 'plan');
  const finality = new Map(results.map(({ topic, kind }) => [topic, kind]));
  const all = [...subTopologies.flatMap(({ nodes }) => nodes), ...globals];
  const box = (title: string, nodes: readonly ExplainedNode[]): string[] => [
    `  subgraph ${idOf('part', title)}["${title}"]`,
    ...nodes.map((node) => `    ${idOf('node', node.id)}["${nodeText(node)}"]`),
    ...[...new Set(nodes.flatMap((node) => node.stores))].map((name) => {
      const kind = stores.find((store) => store.name === name)?.kind ?? '';
      return `    ${idOf('store', name)}[("${name}<br/>${kind}")]`;
    }),
    '  end',
  ];
  const internal = shown.filter(({ role }) => role === 'repartition');
  return [
    'flowchart LR',
    ...shown.map((topic) => `  ${idOf('topic', topic.name)}[/"${topicText(topic, finality)}"/]`),
    ...subTopologies.flatMap(({ id, tasks, nodes }) =>
      box(`sub-topology ${id}, ${tasks.length} tasks`, nodes),
    ),
    ...(globals.length === 0 ? [] : box('global tables, in every process', globals)),
    ...all.flatMap((node) => edges(node, idOf)),
    ...joins.flatMap(({ step, sides }) =>
      sides
        .filter(({ from }) => globals.some(({ id }) => id === from))
        .map(({ from }) => `  ${idOf('node', from)} -.-> ${idOf('node', step)}`),
    ),
    ...(internal.length === 0
      ? []
      : [
          '  classDef internal stroke-dasharray: 4',
          `  class ${internal.map(({ name }) => idOf('topic', name)).join(',')} internal`,
        ]),
    '',
  ].join('\n');
}

function edges(node: ExplainedNode, idOf: (kind: string, name: string) => string): string[] {
  const own = idOf('node', node.id);
  const between = node.inputs.map((input) => `  ${idOf('node', input)} --> ${own}`);
  const stores = node.stores.map((store) => `  ${own} -.- ${idOf('store', store)}`);
  if (node.topic === null) return [...between, ...stores];
  const topic = idOf('topic', node.topic);
  const isSink = node.operator === 'sink' || node.operator === 'repartition-sink';
  return [...between, isSink ? `  ${own} --> ${topic}` : `  ${topic} --> ${own}`, ...stores];
}

const nodeText = ({ id, operator }: ExplainedNode): string => `${id}<br/>${operator}`;

function topicText(
  { name, partitions, role }: ExplainedTopic,
  finality: ReadonlyMap<string, 'final' | 'updating'>,
): string {
  const kind = role === 'result' ? `, ${finality.get(name) ?? ''}` : '';
  return `${name}<br/>${partitions} partitions${kind}`;
}
