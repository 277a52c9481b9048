import { expect, test } from 'vitest';
import { planPartitions } from '../../../../processors/engine/plan/partition-plan.ts';
import { subTopologies } from '../../../../processors/engine/plan/sub-topology.ts';
import { type TopologyBuilder, keyOf, topology } from '../../../../processors/engine/topology.ts';
import type { Topic } from '../../../../schemas/topic.ts';

const text = { kind: 'table', key: 'string', value: 'string', partitions: 1 } as const;
const orders: Topic<string, string> = { ...text, name: 'orders' };
const payments: Topic<string, string> = { ...text, name: 'payments' };
const result: Topic<string, string> = { ...text, name: 'result' };
const key = keyOf(orders);
const window = { within: '1m', grace: 0 } as const;
const own = (value: string): string => value;

function partitionsOf(define: (builder: TopologyBuilder) => void, counts: Readonly<Record<string, number>>) {
  const { plan } = topology('plan', define);
  return planPartitions(plan, subTopologies(plan), (name) => counts[name] ?? 0);
}

test('topics that are joined must have equal partitions, and the error says which to repartition', () => {
  const define = (builder: TopologyBuilder): void =>
    builder.stream(orders).join('paid', builder.stream(payments), window, own).to(result);
  expect(() => partitionsOf(define, { orders: 6, payments: 8 })).toThrow(
    expect.objectContaining({
      code: 'engine.not_co_partitioned',
      message: 'topics that are joined by paid differ in their partitions: orders (6), payments (8)',
      fix: 'repartition orders to 8, with .repartition(name, keySchema, selector, 8)',
    }),
  );
  expect(partitionsOf(define, { orders: 6, payments: 6 }).tasks).toEqual([6]);
});

test('a table that has too few partitions is to be created anew, for it cannot be repartitioned', () => {
  const define = (builder: TopologyBuilder): void =>
    builder.stream(orders).joinTable('priced', builder.table(payments), own).to(result);
  expect(() => partitionsOf(define, { orders: 6, payments: 3 })).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('by priced') as string,
      fix: expect.stringContaining('create payments with 6 partitions') as string,
    }),
  );
});

test('a repartition topic has the partitions of what it meets', () => {
  const define = (builder: TopologyBuilder): void =>
    builder
      .stream(orders)
      .repartition('by-value', key, own)
      .join('paid', builder.stream(payments), window, own)
      .to(result);
  const { tasks, repartitions } = partitionsOf(define, { orders: 6, payments: 8 });
  expect(repartitions.get('by-value')).toBe(8);
  expect(tasks).toEqual([6, 8]);
});

test('a repartition topic that meets nothing has the partitions of what it comes from, through any number of steps', () => {
  const define = (builder: TopologyBuilder): void =>
    builder.stream(orders).repartition('one', key, own).repartition('two', key, own).to(result);
  const { tasks, repartitions } = partitionsOf(define, { orders: 5 });
  expect([...repartitions.values()]).toEqual([5, 5]);
  expect(tasks).toEqual([5, 5, 5]);
});

test('two repartition topics that meet have the partitions of the first', () => {
  const define = (builder: TopologyBuilder): void => {
    const other = builder.stream(payments).repartition('two', key, own);
    builder.stream(orders).repartition('one', key, own).join('paid', other, window, own).to(result);
  };
  expect([...partitionsOf(define, { orders: 6, payments: 8 }).repartitions]).toEqual([
    ['two', 8],
    ['one', 8],
  ]);
});

test('a number of its own is kept, and has to fit what it meets', () => {
  const define = (builder: TopologyBuilder): void =>
    builder
      .stream(orders)
      .repartition('one', key, own, 3)
      .join('paid', builder.stream(payments), window, own)
      .to(result);
  expect(() => partitionsOf(define, { orders: 6, payments: 8 })).toThrow(
    expect.objectContaining({
      message: expect.stringContaining('one (3), payments (8)') as string,
      fix: expect.stringContaining('give one 8 partitions') as string,
    }),
  );
});

test('a topic that two unconnected parts read makes them one sub-topology, whose tasks own its partitions', () => {
  const { plan } = topology('plan', (builder) => {
    builder.stream(orders).to(result);
    builder.table(orders).to(result);
    builder.stream(payments).to(result);
  });
  expect(subTopologies(plan).map((part) => part.nodes.length)).toEqual([4, 2]);
});
