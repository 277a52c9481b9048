import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type TestDriver, testDriver } from '../../../processors/engine/test-driver.ts';
import { topology, valueOf } from '../../../processors/engine/topology.ts';
import type { Order } from '../../../schemas/superstore/generated.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { topics } from '../../../schemas/topics.ts';
import {
  type Join,
  OrderTables,
  type TableChange,
  denormalised,
  namedOrders,
  ordersByName,
  tableChanges,
} from './orders-with-customers.ts';

const order = (driver: TestDriver, id: string, customer_id: string | null, region: string, timestamp = 0) => {
  const value: Order = { order_id: id, order_date: null, customer_id, region };
  driver.pipe(topics.orders, { order_id: id }, value, { timestamp });
};
const noOrder = (driver: TestDriver, id: string, timestamp = 0) =>
  driver.pipe(topics.orders, { order_id: id }, null, { timestamp });
const customer = (driver: TestDriver, id: string, name: string | null, timestamp = 0) =>
  driver.pipe(
    topics.customers,
    { customer_id: id },
    name === null ? null : { customer_id: id, name, segment: null },
    { timestamp },
  );
/** What has come out, as `key: region name @ time`. */
const out = (driver: TestDriver): string[] =>
  driver
    .read(namedOrders)
    .map(({ key, value, timestamp }) =>
      value === null
        ? `${key?.order_id}: deleted @ ${timestamp}`
        : `${key?.order_id}: ${value.region} ${value.name} @ ${timestamp}`,
    );

test('an order follows its customer: insert, update, another customer, a new name, deletion', () => {
  const driver = testDriver(denormalised('inner'));
  customer(driver, 'c1', 'Ann', 1);
  customer(driver, 'c2', 'Bob', 2);
  order(driver, 'a', 'c1', 'east', 3);
  order(driver, 'b', 'c1', 'west', 4);
  expect(out(driver)).toEqual(['a: east Ann @ 3', 'b: west Ann @ 4']);
  order(driver, 'a', 'c1', 'north', 5);
  expect(out(driver)).toEqual(['a: north Ann @ 5']);
  customer(driver, 'c1', 'Anna', 6);
  expect(out(driver)).toEqual(['a: north Anna @ 6', 'b: west Anna @ 6']);
  order(driver, 'a', 'c2', 'north', 7);
  expect(out(driver)).toEqual(['a: north Bob @ 7']);
  customer(driver, 'c1', null, 8);
  expect(out(driver)).toEqual(['b: deleted @ 8']);
  noOrder(driver, 'a', 9);
  expect(out(driver)).toEqual(['a: deleted @ 9']);
  customer(driver, 'c2', 'Bobby', 10);
  expect(out(driver)).toEqual([]);
});

test('a customer becomes null: the inner result goes, its subscription too, and both come back with a customer', () => {
  const driver = testDriver(denormalised('inner'));
  customer(driver, 'c1', 'Ann', 5);
  order(driver, 'a', 'c1', 'east', 1);
  driver.restart();
  order(driver, 'a', null, 'east', 2);
  expect(out(driver)).toEqual(['a: east Ann @ 5', 'a: deleted @ 5']);
  expect(driver.entries('with-customer-subscriptions')).toBe(0);
  expect(driver.dropped()).toEqual([{ node: 'with-customer', reason: 'null_key' }]);
  customer(driver, 'c1', 'Anna', 6);
  noOrder(driver, 'b', 7);
  expect(out(driver)).toEqual([]);
  order(driver, 'a', 'c1', 'west', 8);
  expect(out(driver)).toEqual(['a: west Anna @ 8']);
});

test('an order without a customer that goes again leaves no trace in an inner join', () => {
  const driver = testDriver(denormalised('inner'));
  order(driver, 'a', null, 'east');
  noOrder(driver, 'a');
  order(driver, 'b', 'nobody', 'east');
  expect(out(driver)).toEqual([]);
});

test('a left join keeps every order, and each change gives one result', () => {
  const driver = testDriver(denormalised('left'));
  customer(driver, 'c1', 'Ann', 9);
  order(driver, 'a', null, 'east', 1);
  expect(out(driver)).toEqual(['a: east null @ 1']);
  order(driver, 'a', 'c1', 'east', 2);
  expect(out(driver)).toEqual(['a: east Ann @ 9']);
  order(driver, 'a', 'nobody', 'east', 3);
  expect(out(driver)).toEqual(['a: east null @ 3']);
  order(driver, 'a', 'c1', 'east', 4);
  order(driver, 'a', null, 'west', 5);
  expect(out(driver)).toEqual(['a: east Ann @ 9', 'a: west null @ 5']);
  noOrder(driver, 'a', 6);
  expect(out(driver)).toEqual(['a: deleted @ 6']);
  noOrder(driver, 'a', 7);
  expect(out(driver)).toEqual([]);
  expect(driver.dropped().filter(({ node }) => node === 'with-customer')).toEqual([]);
});

test('a table can be joined with itself, and the result joined like any other table', () => {
  const people: Topic<string, string> = {
    name: 'people',
    kind: 'table',
    key: 'string',
    value: 'string',
    partitions: 1,
  };
  const chiefs: Topic<string, string> = { ...people, name: 'chiefs' };
  const driver = testDriver(
    topology('chiefs', (builder) => {
      const all = builder.table(people);
      const chief = { key: (chiefOf: string): string | null => chiefOf || null };
      all
        .joinForeignKey('chief', all, chief, (of, above) => `${of}<${above}`)
        .join('with-own', all, (pair, of) => `${pair} ${of}`)
        .to(chiefs);
    }),
  );
  const last = (): unknown => driver.read(chiefs).at(-1)?.value;
  driver.pipe(people, 'ann', '');
  driver.pipe(people, 'bob', 'ann');
  expect(last()).toBe('ann< ann');
  driver.pipe(people, 'ann', 'ann');
  expect(driver.rows('chief').map(({ key }) => key)).toEqual(['ann', 'bob']);
  expect(new Set(driver.read(chiefs).map(({ value }) => value))).toContain('ann<ann ann');
  driver.pipe(people, 'ann', null);
  expect(last()).toBeNull();
});

test('of versioned tables a change that is not the newest of its key changes nothing on either side, and is counted', () => {
  const driver = testDriver(
    topology('versioned', (builder) => {
      const history = { history: '1m' } as const;
      builder
        .table(topics.orders, history)
        .joinForeignKey(
          'with-customer',
          builder.table(topics.customers, history),
          { key: ({ customer_id }) => (customer_id === null ? null : { customer_id }) },
          ({ region }, { name }) => ({ region, name }),
        )
        .to(namedOrders);
    }),
  );
  customer(driver, 'c1', 'Ann', 10);
  order(driver, 'a', 'c1', 'east', 20);
  expect(out(driver)).toEqual(['a: east Ann @ 20']);
  order(driver, 'a', 'c2', 'west', 15);
  order(driver, 'a', null, 'west', 16);
  noOrder(driver, 'a', 17);
  customer(driver, 'c1', null, 5);
  expect(out(driver)).toEqual([]);
  expect(driver.entries('with-customer-subscriptions')).toBe(1);
  expect(driver.dropped()).toEqual([
    ...[1, 2, 3].map(() => ({ node: 'with-customer', reason: 'out_of_order' })),
    { node: 'with-customer-foreign-table-join', reason: 'out_of_order' },
  ]);
  customer(driver, 'c1', 'Anna', 30);
  expect(out(driver)).toEqual(['a: east Anna @ 30']);
});

test('a row that goes from a table joined with itself goes from the result, whatever its old value is said to be', () => {
  const driver = testDriver(
    topology('twice', (builder) => {
      const orders = builder.table(topics.orders);
      orders
        .leftJoin(
          'twice',
          orders.filter(({ region }) => region === 'east'),
          (own, eastern) => (eastern === null ? { ...own, customer_id: null } : own),
        )
        .as(valueOf(topics.orders))
        .joinForeignKey(
          'with-customer',
          builder.table(topics.customers),
          { key: ({ customer_id }) => (customer_id === null ? null : { customer_id }) },
          ({ region }, { name }) => ({ region, name }),
        )
        .to(namedOrders);
    }),
  );
  const rows = (): unknown[] => driver.rows('with-customer').map(({ key }) => key);
  customer(driver, 'c1', 'Ann');
  order(driver, 'a', 'c1', 'east');
  order(driver, 'b', 'c1', 'east');
  expect(rows()).toHaveLength(2);
  order(driver, 'b', 'c1', 'west');
  noOrder(driver, 'a');
  expect(rows()).toEqual([]);
  expect(out(driver).slice(-1)).toEqual(['a: deleted @ 0']);
});

const pipe = (driver: TestDriver, change: TableChange, timestamp: number): void => {
  if ('order' in change) driver.pipe(topics.orders, { order_id: change.order }, change.row, { timestamp });
  else driver.pipe(topics.customers, { customer_id: change.customer }, change.row, { timestamp });
};

test.each<Join>(['inner', 'left'])('the %s join, and what is counted over it, equal a batch job', (join) => {
  fc.assert(
    fc.property(tableChanges(), fc.boolean(), (changes, restarts) => {
      const driver = testDriver(denormalised(join));
      const tables = new OrderTables();
      const named = new Map<string, unknown>();
      const counts = new Map<string, unknown>();
      changes.forEach((change, time) => {
        pipe(driver, change, time);
        tables.apply(change);
        for (const { key, value } of driver.read(namedOrders)) update(named, key?.order_id ?? '', value);
        for (const { key, value } of driver.read(ordersByName)) update(counts, key ?? '', value);
        if (restarts) driver.restart();
        expect(named).toEqual(tables.joined(join));
        expect(counts).toEqual(tables.byName(join));
      });
    }),
    { seed: 213, numRuns: 150 },
  );
});

function update(table: Map<string, unknown>, key: string, value: unknown): void {
  if (value === null) table.delete(key);
  else table.set(key, value);
}
