import { describe, expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { type TopologyBuilder, keyOf, topology, valueOf } from '../../../processors/engine/topology.ts';
import type { Topic } from '../../../schemas/topic.ts';

const text = { kind: 'table', key: 'string', partitions: 1 } as const;
/** The value of an order is its event time; a price is stamped with the time from which it holds. */
const orders: Topic<string, number> = { ...text, name: 'orders', value: 'int' };
const prices: Topic<string, string> = { ...text, name: 'prices', value: 'string' };
const names: Topic<string, string> = { ...text, name: 'names', value: 'string' };
const result: Topic<string, string> = { ...text, name: 'result', value: 'string' };
const counts: Topic<string, number> = { ...text, name: 'counts', value: 'int' };

const ordersOf = (builder: TopologyBuilder) => builder.stream(orders, { time: (at) => at });
const priced = (at: number, price: string | null): string => `${at} ${price}`;
const driverOf = (define: (builder: TopologyBuilder) => void) => testDriver(topology('versioned', define));

test('an event meets the row that was valid at its event time, also one that was deleted since', () => {
  const driver = driverOf((builder) =>
    ordersOf(builder)
      .leftJoinTable('priced', builder.table(prices, { history: '1m' }), priced)
      .to(result),
  );
  driver.pipe(prices, 'tea', 'cheap', { timestamp: 100 });
  driver.pipe(prices, 'tea', 'dear', { timestamp: 200 });
  driver.pipe(prices, 'tea', null, { timestamp: 300 });
  driver.restart();
  driver.pipe(prices, 'tea', 'fair', { timestamp: 150 });
  for (const at of [99, 100, 149, 150, 200, 299, 300]) driver.pipe(orders, 'tea', at);
  expect(driver.read(result).map(({ value }) => value)).toEqual([
    '99 null',
    '100 cheap',
    '149 cheap',
    '150 fair',
    '200 dear',
    '299 dear',
    '300 null',
  ]);
});

test('a versioned table that is filtered and mapped still knows what was valid', () => {
  const driver = driverOf((builder) => {
    const loud = builder
      .table(prices, { history: 100 })
      .filter((price) => price !== 'secret')
      .mapValues((price) => price.toUpperCase())
      .as(valueOf(prices));
    ordersOf(builder).leftJoinTable('priced', loud, priced).to(result);
  });
  driver.pipe(prices, 'tea', 'cheap', { timestamp: 10 });
  driver.pipe(prices, 'tea', 'secret', { timestamp: 20 });
  driver.pipe(prices, 'tea', 'dear', { timestamp: 30 });
  for (const at of [10, 20, 30]) driver.pipe(orders, 'tea', at);
  expect(driver.read(result).map(({ value }) => value)).toEqual(['10 CHEAP', '20 null', '30 DEAR']);
});

test('a change from before the history is refused and counted; a row that has not changed since is known', () => {
  const driver = driverOf((builder) => {
    const table = builder.table(prices, { history: 100 });
    table.to(result);
    ordersOf(builder).leftJoinTable('priced', table, priced).to(names);
  });
  driver.pipe(prices, 'tea', 'cheap', { timestamp: 50 });
  driver.pipe(prices, 'soap', 'dear', { timestamp: 200 });
  driver.pipe(prices, 'tea', 'fair', { timestamp: 99 });
  expect(driver.dropped()).toEqual([{ node: 'KTABLE-SOURCE-0000000000', reason: 'expired' }]);
  expect(driver.read(result).map(({ value }) => value)).toEqual(['cheap', 'dear']);
  driver.pipe(orders, 'tea', 60);
  driver.pipe(prices, 'tea', 'fair', { timestamp: 210 });
  driver.pipe(orders, 'tea', 60);
  expect(driver.read(names).map(({ value }) => value)).toEqual(['60 cheap', '60 null']);
});

test('a deleted row is no row, is remembered while an older change may come, and is then forgotten', () => {
  const driver = driverOf((builder) => builder.table(prices, { history: 100 }).to(result));
  driver.pipe(prices, 'tea', 'cheap', { timestamp: 50 });
  driver.pipe(prices, 'tea', null, { timestamp: 60 });
  expect(driver.rows('prices')).toEqual([]);
  expect(driver.entries('prices')).toBe(1);
  driver.pipe(prices, 'soap', 'dear', { timestamp: 160 });
  expect(driver.rows('prices').map(({ key, row }) => [key, row.value])).toEqual([['soap', 'dear']]);
  expect([driver.entries('prices'), driver.entries('prices-history')]).toEqual([1, 0]);
});

describe('a change that is not the newest of its key', () => {
  test('is written by the table itself, and passed over by its joins, which count it', () => {
    const driver = driverOf((builder) => {
      const table = builder.table(prices, { history: 100 });
      table.to(names);
      table.leftJoin('both', builder.table(counts), (price, count) => `${price} ${count}`).to(result);
    });
    driver.pipe(prices, 'tea', 'new', { timestamp: 50 });
    driver.pipe(prices, 'tea', 'old', { timestamp: 40 });
    driver.pipe(counts, 'tea', 1, { timestamp: 45 });
    expect(driver.read(names).map(({ value }) => value)).toEqual(['new', 'old']);
    expect(driver.read(result).map(({ value }) => value)).toEqual(['new null', 'new 1']);
    expect(driver.dropped()).toEqual([{ node: 'both', reason: 'out_of_order' }]);
  });

  test('is not held back in place of the newest', () => {
    const driver = driverOf((builder) =>
      builder.table(prices, { history: 100 }).suppress('held', { timeLimit: 10 }).to(result),
    );
    driver.pipe(prices, 'tea', 'new', { timestamp: 50 });
    driver.pipe(prices, 'tea', 'old', { timestamp: 40 });
    driver.pipe(prices, 'soap', 'dear', { timestamp: 60 });
    expect(driver.read(result).map(({ value }) => value)).toEqual(['new']);
    expect(driver.dropped()).toEqual([{ node: 'held', reason: 'out_of_order' }]);
  });

  test('moves no group', () => {
    const driver = driverOf((builder) =>
      builder
        .table(prices, { history: 100 })
        .groupBy('by-price', keyOf(prices), (price) => price)
        .aggregate('count', valueOf(counts), {
          initial: () => 0,
          add: (count) => count + 1,
          subtract: (count) => count - 1,
        })
        .to(counts),
    );
    driver.pipe(prices, 'tea', 'new', { timestamp: 50 });
    driver.pipe(prices, 'tea', 'old', { timestamp: 40 });
    expect(driver.read(counts).map(({ key, value }) => [key, value])).toEqual([['new', 1]]);
    expect(driver.dropped()).toEqual([{ node: 'by-price-key', reason: 'out_of_order' }]);
  });

  test('is ended by a deletion where the newer row does not pass a filter', () => {
    const driver = driverOf((builder) =>
      builder
        .table(prices, { history: 100 })
        .filter((price) => price !== 'secret')
        .to(result),
    );
    driver.pipe(prices, 'tea', 'secret', { timestamp: 50 });
    driver.pipe(prices, 'tea', 'old', { timestamp: 40 });
    expect(driver.read(result).map(({ value, timestamp }) => [value, timestamp])).toEqual([
      [null, 50],
      ['old', 40],
    ]);
  });
});

test.each([
  ['a negative history', { history: -1 }, 'topology.bad_history'],
  ['another history of the same topic', { history: 5 }, 'topology.two_histories'],
  ['no history of the same topic', undefined, 'topology.two_histories'],
  ['the same history loaded first', { history: 7, loadFirst: true }, 'topology.two_loadings'],
] as const)('%s is refused', (_name, second, code) => {
  const define = () =>
    driverOf((builder) => {
      builder.table(prices, { history: 7 });
      if (second === undefined) builder.table(prices);
      else builder.table(prices, second);
    });
  expect(define).toThrow(expect.objectContaining({ code }));
});

test('a topic that is asked for twice with the same history is read once', () => {
  const { plan } = topology('once', (builder) => {
    builder.table(prices, { history: '1s' }).to(result);
    builder.table(prices, { history: 1000 }).to(names);
  });
  expect(plan.nodes.filter(({ operator }) => operator === 'table-source')).toHaveLength(1);
});
