import { expect, test } from 'vitest';
import { describeTopology } from '../../../../processors/engine/plan/describe.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 1 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const names: Topic<string, string> = { ...text, name: 'names' };
const numbered: Topic<string, string> = {
  ...text,
  name: 'numbered',
  key: { type: 'record', name: 'K', fields: [{ name: 'id', type: 'long' }] },
};
const result: Topic<string, string> = { ...text, name: 'result' };
const string: Schema<string> = { avro: 'string' };
const window = { within: '1m', grace: 0 } as const;
const own = (value: string): string => value;

const refused: readonly (readonly [string, string, (builder: TopologyBuilder) => void])[] = [
  [
    'a name that is used twice',
    'topology.duplicate_name',
    (builder) => {
      const stream = builder.stream(orders);
      stream.join('x', stream, window, own);
      stream.join('x', stream, window, own);
    },
  ],
  [
    'a name that a topic has whose rows are stored',
    'topology.duplicate_name',
    (builder) => {
      builder
        .table(orders)
        .groupBy('g', keyOf(orders), own)
        .aggregate('orders', string, { initial: String, add: own, subtract: own });
    },
  ],
  [
    'a name that no topic can have',
    'topology.bad_name',
    (builder) => void builder.stream(orders).join('a b', builder.stream(orders), window, own),
  ],
  [
    'a value that must be stored and has no schema',
    'topology.no_schema',
    (builder) => {
      const stream = builder.stream(orders);
      stream.mapValues(own).join('x', stream, window, own);
    },
  ],
  [
    'keys that Avro writes as other bytes',
    'topology.unlike_keys',
    (builder) => void builder.stream(orders).joinTable('x', builder.table(numbered), own),
  ],
  [
    'an empty window',
    'topology.bad_window',
    (builder) => {
      const stream = builder.stream(orders);
      stream.join('x', stream, { within: { before: '-2m', after: '1m' }, grace: 0 }, own);
    },
  ],
  [
    'a fraction of a unit of time',
    'topology.bad_duration',
    (builder) => {
      const stream = builder.stream(orders);
      stream.join('x', stream, { within: '1.5m', grace: 0 }, own);
    },
  ],
  [
    'two event times of one topic',
    'topology.two_times',
    (builder) => {
      builder.stream(orders, { time: () => 1 });
      builder.stream(orders, { time: () => 2 });
    },
  ],
  [
    'a global table of a topic that is a table too',
    'topology.global_and_input',
    (builder) => {
      builder.table(orders);
      builder.globalTable(orders);
    },
  ],
  [
    'a stream of a topic that is a global table too',
    'topology.global_and_input',
    (builder) => {
      builder.globalTable(orders);
      builder.stream(orders);
    },
  ],
];

test.each(refused)('%s is refused when the topology is built', (_what, code, define) => {
  expect(() => topology('refused', define)).toThrow(expect.objectContaining({ code }));
});

test('a plan is plain data', () => {
  const { plan } = topology('plain', (builder) => {
    builder.stream(orders).leftJoin('x', builder.stream(names), window, own).to(result);
  });
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
});

test('a topology is described as Kafka Streams does it', () => {
  const { plan, name } = topology('described', (builder) => {
    builder
      .table(orders)
      .groupBy('by-value', keyOf(orders), own)
      .aggregate('last', string, { initial: String, add: (_, value) => value, subtract: own })
      .to(result);
  });
  expect(describeTopology(plan, applicationNames('m', name)).split('\n')).toEqual([
    'Topologies:',
    '   Sub-topology: 0',
    '    Source: KTABLE-SOURCE-0000000000 (topics: [m.orders], stores: [orders])',
    '      --> by-value-key',
    '    Processor: by-value-key (stores: [])',
    '      --> by-value-sink',
    '      <-- KTABLE-SOURCE-0000000000',
    '    Sink: by-value-sink (topic: m-described-by-value-repartition)',
    '      <-- by-value-key',
    '',
    '   Sub-topology: 1',
    '    Source: by-value-source (topics: [m-described-by-value-repartition])',
    '      --> last',
    '    Processor: last (stores: [last])',
    '      --> KTABLE-SINK-0000000005',
    '      <-- by-value-source',
    '    Sink: KTABLE-SINK-0000000005 (topic: m.result)',
    '      <-- last',
    '',
  ]);
});
