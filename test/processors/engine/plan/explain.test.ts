import { expect, test } from 'vitest';
import { explain } from '../../../../processors/engine/plan/explain.ts';
import { explanationText } from '../../../../processors/engine/plan/explanation-text.ts';
import { mermaid } from '../../../../processors/engine/plan/mermaid.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Windowed } from '../../../../processors/engine/windowed-key.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 2 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const payments: Topic<string, string> = { ...text, name: 'payments' };
const names: Topic<string, string> = { ...text, name: 'names' };
const result: Topic<string, string> = { ...text, name: 'result' };
const counts: Topic<string, bigint> = { ...text, name: 'counts', value: 'long' };
const windowCounts: Topic<Windowed<string>, bigint> = { ...text, name: 'window-counts', value: 'long' };
const string: Schema<string> = { avro: 'string' };
const window = { within: '1m', grace: 0 } as const;
const own = (value: string): string => value;
const both = { key: own } as const;

function explained(define: (builder: TopologyBuilder) => void, kafka: Readonly<Record<string, number>> = {}) {
  const { plan, name } = topology('app', define);
  return explain(plan, applicationNames('m', name), new Map(Object.entries(kafka)));
}

const paid = (builder: TopologyBuilder): void =>
  builder
    .stream(orders)
    .repartition('by-value', keyOf(orders), own)
    .leftJoin('paid', builder.stream(payments), window, own)
    .joinGlobal('named', builder.globalTable(names), both, own)
    .to(result);

test('the dead-letter topic is among the topics where a policy asks for it', () => {
  const { plan, name } = topology('app', paid);
  const asked = (withDeadLetters: boolean) =>
    explain(plan, applicationNames('m', name), new Map(), withDeadLetters)
      .topics.filter(({ role }) => role === 'dead-letters')
      .map(({ name: topic, partitions, config }) => [topic, partitions, config?.['retention.ms']]);
  expect(asked(false)).toEqual([]);
  expect(asked(true)).toEqual([['m-app-dlq', 1, '-1']]);
});

test('tasks and internal topics follow the partitions that the topics have', () => {
  const { subTopologies, topics } = explained(paid, { 'm.orders': 3, 'm.payments': 5 });
  expect(subTopologies.map(({ tasks }) => tasks)).toEqual([
    ['0_0', '0_1', '0_2'],
    ['1_0', '1_1', '1_2', '1_3', '1_4'],
  ]);
  expect(
    topics.map(({ name, role, partitions, partitionsFrom }) => [name, role, partitions, partitionsFrom]),
  ).toEqual([
    ['m.orders', 'source', 3, 'kafka'],
    ['m.payments', 'source', 5, 'kafka'],
    ['m.names', 'source', 2, 'plan'],
    ['m.result', 'result', 2, 'plan'],
    ['m-app-by-value-repartition', 'repartition', 5, 'plan'],
    ['m-app-paid-left-changelog', 'changelog', 5, 'plan'],
    ['m-app-paid-right-changelog', 'changelog', 5, 'plan'],
    ['m-app-paid-pending-changelog', 'changelog', 5, 'plan'],
    ['m-app-plan', 'plan', 1, 'plan'],
  ]);
});

test('the keys of both sides of each join are shown, through repartitions too', () => {
  const [first, second] = explained(paid).joins;
  expect(first).toEqual({
    step: 'paid',
    operator: 'stream-stream-join',
    sides: [
      { from: 'by-value-source', key: 'string' },
      { from: expect.stringMatching(/^KSTREAM-SOURCE/) as string, key: 'string' },
    ],
    likeKeys: true,
  });
  expect(second).toMatchObject({ step: 'named', likeKeys: true });
});

test('a global table is one store in each process, which its topic restores', () => {
  expect(explained(paid).stores.find(({ name }) => name === 'names-global')).toEqual({
    name: 'names-global',
    kind: 'key-value',
    changelog: null,
    scope: 'process',
  });
});

const tumbling = { tumbling: '1m' } as const;
const natures: readonly (readonly [
  string,
  'final' | 'updating',
  string,
  (builder: TopologyBuilder) => void,
])[] = [
  ['events', 'final', 'KSTREAM-SOURCE-0000000000', (b) => b.stream(orders).filter(Boolean).to(result)],
  [
    'pairs of events',
    'final',
    'x',
    (b) => b.stream(orders).join('x', b.stream(payments), window, own).to(result),
  ],
  ['rows', 'updating', 'KTABLE-SOURCE-0000000000', (b) => b.table(orders).to(result)],
  ['a count', 'updating', 'x', (b) => b.stream(orders).count('x').to(counts)],
  [
    'windows told on close',
    'final',
    'x',
    (b) => b.stream(orders).windowedBy(tumbling, { grace: 0 }).count('x').to(windowCounts),
  ],
  [
    'windows told on update',
    'updating',
    'x',
    (b) => b.stream(orders).windowedBy(tumbling, { grace: 0, emit: 'on-update' }).count('x').to(windowCounts),
  ],
  [
    'windows held back until they close',
    'final',
    'held',
    (b) =>
      b
        .stream(orders)
        .windowedBy(tumbling, { grace: 0, emit: 'on-update' })
        .count('x')
        .suppressUntilWindowCloses('held')
        .to(windowCounts),
  ],
  [
    'a table that was grouped',
    'updating',
    'x',
    (b) =>
      b
        .table(orders)
        .groupBy('g', keyOf(orders), own)
        .aggregate('x', string, { initial: String, add: own, subtract: own })
        .to(result),
  ],
];

test.each(natures)('%s are %s', (_what, kind, decidedBy, define) => {
  expect(explained(define).results).toEqual([expect.objectContaining({ kind, decidedBy })]);
});

test('the text begins as Kafka Streams has it and ends with what is final', () => {
  const { plan, name } = topology('app', paid);
  const topicNames = applicationNames('m', name);
  const lines = explanationText(plan, topicNames, explain(plan, topicNames)).split('\n');
  expect(lines.slice(0, 2)).toEqual(['Topologies:', '   Sub-topology: 0']);
  expect(lines).toContain('   m-app-paid-left-changelog: changelog, 2 partitions, cleanup.policy=compact');
  expect(lines).toContain('   m.result: final, by named: each event is told once');
});

test('the flowchart has each topic, step and store once, and only edges between them', () => {
  const lines = mermaid(explained(paid)).split('\n');
  const declared = lines.flatMap((line) => /^\s+(?:subgraph )?([a-z]+\d+)[[]/.exec(line)?.[1] ?? []);
  expect(new Set(declared).size).toBe(declared.length);
  const ends = lines.flatMap((line) => {
    const edge = /^ {2}(\w+) (?:-->|-\.-|-\.->) (\w+)$/.exec(line);
    return edge === null ? [] : [edge[1], edge[2]];
  });
  expect(ends.length).toBeGreaterThan(0);
  expect(ends.filter((end) => !declared.includes(end ?? ''))).toEqual([]);
  expect(lines.filter((line) => line.includes('m-app-by-value-repartition<br/>2 partitions'))).toHaveLength(
    1,
  );
  expect(lines).toContain('  classDef internal stroke-dasharray: 4');
});
