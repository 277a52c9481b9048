import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { orderCustomer } from '../../../processors/pipelines/order-customer.ts';
import { topics } from '../../../schemas/topics.ts';

function driver() {
  const driver = testDriver(orderCustomer);
  const customer = (timestamp: number, segment: string | null) =>
    driver.pipe(
      topics.customers,
      { customer_id: 'c1' },
      segment === null ? null : { customer_id: 'c1', name: 'Ada', segment },
      { timestamp },
    );
  const order = (timestamp: number, id: string, customer: string | null = 'c1') =>
    driver.pipe(
      topics.orders,
      { order_id: id },
      { order_id: id, order_date: 0, customer_id: customer, region: null },
      { timestamp },
    );
  const records = () => driver.read(topics.orderCustomer);
  /** Order, segment then, segment now. */
  const read = () => records().map(({ value }) => [value?.order_id, value?.segment_then, value?.segment_now]);
  return { customer, order, records, read, dropped: () => driver.dropped(), restart: () => driver.restart() };
}

test('an order that is read late shows its customer as of the order beside the newest one', () => {
  const { customer, order, read } = driver();
  customer(100, 'Consumer');
  customer(200, 'VIP');
  order(150, 'o1');
  order(200, 'o2');
  expect(read()).toEqual([
    ['o1', 'Consumer', 'VIP'],
    ['o2', 'VIP', 'VIP'],
  ]);
});

test('a customer who came later or has gone is missing on one side only', () => {
  const { customer, order, read } = driver();
  customer(100, 'Consumer');
  customer(200, null);
  order(50, 'before');
  order(150, 'between');
  order(250, 'after');
  expect(read()).toEqual([
    ['before', null, null],
    ['between', 'Consumer', null],
    ['after', null, null],
  ]);
  customer(300, 'VIP');
  order(250, 'again');
  expect(read()).toEqual([['again', null, 'VIP']]);
});

test('the result has the key and the time of the order', () => {
  const { customer, order, records } = driver();
  customer(100, 'Consumer');
  order(150, 'o1');
  expect(records()).toEqual([
    {
      key: { order_id: 'o1' },
      value: {
        order_id: 'o1',
        customer_id: 'c1',
        name_then: 'Ada',
        name_now: 'Ada',
        segment_then: 'Consumer',
        segment_now: 'Consumer',
      },
      timestamp: 150,
    },
  ]);
});

test('an order of nobody has no row, and is counted', () => {
  const { order, read, dropped } = driver();
  order(150, 'o1', null);
  expect(read()).toEqual([]);
  expect(dropped().map(({ reason }) => reason)).toEqual(['null_key']);
});

test('after a crash the history is still known', () => {
  const { customer, order, read, restart } = driver();
  customer(100, 'Consumer');
  customer(200, 'VIP');
  restart();
  order(150, 'o1');
  expect(read().map(([, then]) => then)).toEqual(['Consumer']);
});
