import { expect, test } from 'vitest';
import { describeTopology } from '../../../../processors/engine/plan/describe.ts';
import { planPartitions } from '../../../../processors/engine/plan/partition-plan.ts';
import { planHash } from '../../../../processors/engine/plan/plan-hash.ts';
import { subTopologies } from '../../../../processors/engine/plan/sub-topology.ts';
import { applicationNames } from '../../../../processors/engine/runtime/application-names.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Schema } from '../../../../schemas/schema.ts';
import type { Topic } from '../../../../schemas/topic.ts';
import { topics } from '../../../../schemas/topics.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 1 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const customers: Topic<string, string> = { ...text, name: 'customers' };
const regions: Topic<string, string> = { ...text, name: 'regions' };
const result: Topic<string, string> = { ...text, name: 'result' };
const string: Schema<string> = { avro: 'string' };
const own = (value: string): string => value;
const on = { key: own };
const fold = { initial: String, add: own, subtract: own };

const joining = (builder: TopologyBuilder): void =>
  builder.table(orders).joinForeignKey('with-customer', builder.table(customers), on, own).to(result);

function partitionsOf(define: (builder: TopologyBuilder) => void, counts: Readonly<Record<string, number>>) {
  const { plan } = topology('plan', define);
  return planPartitions(plan, subTopologies(plan), (name) => counts[name] ?? 0);
}

test('tables of unlike partitions: each internal topic has those of the table that reads it', () => {
  const { tasks, repartitions } = partitionsOf(joining, { orders: 4, customers: 3 });
  expect(tasks).toEqual([4, 3]);
  expect(Object.fromEntries(repartitions)).toEqual({
    'with-customer-subscription': 3,
    'with-customer-response': 4,
  });
});

test('a grouped table keeps the partitions of where it comes from, whatever the other table has', () => {
  const grouped = (builder: TopologyBuilder) =>
    builder.table(orders).groupBy('group', keyOf(orders), own).aggregate('sum', string, fold);
  const counts = { orders: 4, customers: 3 };
  const left = partitionsOf((builder) => {
    const right = builder.table(customers);
    grouped(builder).joinForeignKey('x', right, on, own).to(result);
  }, counts);
  expect(Object.fromEntries(left.repartitions)).toEqual({ group: 4, 'x-subscription': 3, 'x-response': 4 });
  const right = partitionsOf((builder) => {
    const table = builder.table(customers);
    table.joinForeignKey('x', grouped(builder), on, own).to(result);
  }, counts);
  expect(Object.fromEntries(right.repartitions)).toEqual({ group: 4, 'x-subscription': 4, 'x-response': 3 });
});

test('joins in a chain have the partitions of their own tables', () => {
  const { tasks, repartitions } = partitionsOf(
    (builder) =>
      builder
        .table(orders)
        .joinForeignKey('one', builder.table(customers), on, own)
        .as(string)
        .leftJoinForeignKey('two', builder.table(regions), on, (order) => order)
        .to(result),
    { orders: 4, customers: 3, regions: 1 },
  );
  expect(tasks).toEqual([4, 3, 1]);
  expect(Object.fromEntries(repartitions)).toEqual({
    'one-subscription': 3,
    'one-response': 4,
    'two-subscription': 1,
    'two-response': 4,
  });
});

test('a table that is joined with itself needs one sub-topology', () => {
  const { tasks, repartitions } = partitionsOf(
    (builder) => {
      const table = builder.table(orders);
      table.joinForeignKey('x', table, on, own).to(result);
    },
    { orders: 4 },
  );
  expect(tasks).toEqual([4]);
  expect([...repartitions.values()]).toEqual([4, 4]);
});

test('what else is joined must have equal partitions still, and the internal topics are not to blame', () => {
  const define = (builder: TopologyBuilder): void =>
    builder
      .table(orders)
      .joinForeignKey('x', builder.table(customers), on, own)
      .join('y', builder.table(regions), own)
      .to(result);
  expect(() => partitionsOf(define, { orders: 4, customers: 3, regions: 2 })).toThrow(
    expect.objectContaining({
      code: 'engine.not_co_partitioned',
      message: 'topics that are joined by y differ in their partitions: orders (4), regions (2)',
    }),
  );
});

test('the plan is plain data, and the kind of join is part of it', () => {
  const { plan } = topology('plan', joining);
  expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  const left = topology('plan', (builder) =>
    builder.table(orders).leftJoinForeignKey('with-customer', builder.table(customers), on, own).to(result),
  );
  expect(planHash(left.plan)).not.toBe(planHash(plan));
});

test('names that its topics need are taken', () => {
  expect(() =>
    topology('plan', (builder) => {
      joining(builder);
      builder.table(orders).groupBy('with-customer-response', keyOf(orders), own);
    }),
  ).toThrow(expect.objectContaining({ code: 'topology.duplicate_name' }));
});

test.each(['left', 'right'])('a computed table on the %s must be described', (side) => {
  expect(() =>
    topology('plan', (builder) => {
      const [a, b] = [builder.table(orders), builder.table(customers)];
      const [left, right] = side === 'left' ? [a.mapValues(own), b] : [a, b.mapValues(own)];
      left.joinForeignKey('x', right, on, own);
    }),
  ).toThrow(expect.objectContaining({ code: 'topology.no_schema' }));
});

test.each(['left', 'right'])(
  'a windowed table on the %s is refused: its rows lie where their keys do not tell',
  (side) => {
    expect(() =>
      topology('plan', (builder) => {
        const windowed = builder
          .stream(topics.orders)
          .windowedBy({ tumbling: '1m' }, { grace: 0, emit: 'on-update' })
          .aggregate('w', string, { initial: String, add: own });
        if (side === 'left') windowed.joinForeignKey('x', builder.table(customers), on, own);
        else builder.table(customers).joinForeignKey('x', windowed, { key: () => null }, own);
      }),
    ).toThrow(expect.objectContaining({ code: 'topology.unlike_keys' }));
  },
);

test('the description shows both tasks and what they tell each other', () => {
  const { plan } = topology('plan', joining);
  expect(describeTopology(plan, applicationNames('p', 'plan'))).toBe(`Topologies:
   Sub-topology: 0
    Source: KTABLE-SOURCE-0000000000 (topics: [p.orders], stores: [orders])
      --> with-customer-subscription-send, with-customer
    Processor: with-customer-subscription-send (stores: [])
      --> with-customer-subscription-sink
      <-- KTABLE-SOURCE-0000000000
    Sink: with-customer-subscription-sink (topic: p-plan-with-customer-subscription-repartition)
      <-- with-customer-subscription-send
    Source: with-customer-response-source (topics: [p-plan-with-customer-response-repartition])
      --> with-customer
    Processor: with-customer (stores: [with-customer])
      --> KTABLE-SINK-0000000009
      <-- KTABLE-SOURCE-0000000000, with-customer-response-source
    Sink: KTABLE-SINK-0000000009 (topic: p.result)
      <-- with-customer

   Sub-topology: 1
    Source: KTABLE-SOURCE-0000000001 (topics: [p.customers], stores: [customers])
      --> with-customer-foreign-table-join
    Source: with-customer-subscription-source (topics: [p-plan-with-customer-subscription-repartition])
      --> with-customer-foreign-table-join
    Processor: with-customer-foreign-table-join (stores: [with-customer-subscriptions])
      --> with-customer-response-sink
      <-- with-customer-subscription-source, KTABLE-SOURCE-0000000001
    Sink: with-customer-response-sink (topic: p-plan-with-customer-response-repartition)
      <-- with-customer-foreign-table-join
`);
});
