import { describeTopology } from './describe.ts';
import type { ExplainedTopic, Explanation } from './explain.ts';
import type { Plan } from './plan.ts';
import type { TopicNames } from './topic-names.ts';

/** The topology in Kafka Streams' format, then what Kafka Streams does not tell, one line for each thing. */
export function explanationText(plan: Plan, names: TopicNames, explanation: Explanation): string {
  const { subTopologies, topics, stores, joins, results } = explanation;
  const tasks = subTopologies.map((part) => `Sub-topology ${part.id}: ${part.tasks.join(', ')}`);
  const sections: readonly (readonly [string, readonly string[]])[] = [
    ['Tasks', tasks],
    ['Topics', topics.map(topicLine)],
    [
      'Stores',
      stores.map(
        ({ name, kind, changelog, scope }) =>
          `${name}: ${kind}, one per ${scope}, ${changelog === null ? 'restored from its topic' : `changelog ${changelog}`}`,
      ),
    ],
    [
      'Joins',
      joins.map(({ step, sides, likeKeys }) => {
        const keys = sides.map(({ from, key }) => `${from} ${key}`).join(likeKeys ? ' = ' : ' <> ');
        return `${step}: ${likeKeys ? 'like keys' : 'UNLIKE KEYS'}, ${keys}`;
      }),
    ],
    [
      'Results',
      results.map(({ topic, kind, decidedBy, why }) => `${topic}: ${kind}, by ${decidedBy}: ${why}`),
    ],
  ];
  const told = sections
    .filter(([, lines]) => lines.length > 0)
    .map(([title, lines]) => `${title}:\n${lines.map((line) => `   ${line}\n`).join('')}`);
  return [describeTopology(plan, names), ...told].join('\n');
}

function topicLine({ name, role, partitions, partitionsFrom, config }: ExplainedTopic): string {
  const origin = partitionsFrom === 'kafka' ? 'partitions in Kafka' : 'partitions';
  const settings = Object.entries(config ?? {}).map(([key, value]) => `, ${key}=${value}`);
  return `${name}: ${role}, ${partitions} ${origin}${settings.join('')}`;
}
