import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { ordersDenorm } from '../../../processors/pipelines/orders-denorm.ts';
import { topics } from '../../../schemas/topics.ts';

function driver() {
  const driver = testDriver(ordersDenorm);
  const customer = (id: string, segment: string | null) =>
    driver.pipe(
      topics.customers,
      { customer_id: id },
      segment === null ? null : { customer_id: id, name: `name of ${id}`, segment },
    );
  const order = (id: string, customer: string | null, region = 'East') =>
    driver.pipe(
      topics.orders,
      { order_id: id },
      { order_id: id, order_date: 19_000, customer_id: customer, region },
    );
  const cancel = (id: string) => driver.pipe(topics.orders, { order_id: id }, null);
  /** The rows that a sink would have, by order. */
  const rows = new Map<string, string>();
  const read = () => {
    for (const { key, value } of driver.read(topics.ordersDenorm)) {
      if (value === null) rows.delete(key?.order_id ?? '');
      else rows.set(key?.order_id ?? '', `${value.customer_name} ${value.segment} ${value.region}`);
    }
    return Object.fromEntries(rows);
  };
  return {
    customer,
    order,
    cancel,
    read,
    all: () => driver.read(topics.ordersDenorm),
    restart: () => driver.restart(),
  };
}

test('an order comes out with all that both rows say', () => {
  const { customer, order, all } = driver();
  customer('a', 'Consumer');
  order('o1', 'a');
  expect(all().map(({ key, value }) => ({ key, value }))).toEqual([
    {
      key: { order_id: 'o1' },
      value: {
        order_id: 'o1',
        order_date: 19_000,
        region: 'East',
        customer_id: 'a',
        customer_name: 'name of a',
        segment: 'Consumer',
      },
    },
  ]);
});

test('whichever row comes first, and a change of the customer is told with each order', () => {
  const { customer, order, read } = driver();
  order('o1', 'a');
  expect(read()).toEqual({});
  customer('a', 'Consumer');
  order('o2', 'a', 'West');
  customer('b', 'Corporate');
  order('o3', 'b');
  customer('a', 'VIP');
  expect(read()).toEqual({
    o1: 'name of a VIP East',
    o2: 'name of a VIP West',
    o3: 'name of b Corporate East',
  });
});

test('an order that moves to another customer follows only that one', () => {
  const { customer, order, read } = driver();
  customer('a', 'Consumer');
  customer('b', 'Corporate');
  order('o1', 'a');
  order('o1', 'b');
  customer('a', 'VIP');
  expect(read()).toEqual({ o1: 'name of b Corporate East' });
});

test('an order that is cancelled, is of nobody, or loses its customer is gone', () => {
  const { customer, order, cancel, read } = driver();
  customer('a', 'Consumer');
  for (const id of ['o1', 'o2', 'o3']) order(id, 'a');
  cancel('o1');
  order('o2', null);
  expect(read()).toEqual({ o3: 'name of a Consumer East' });
  customer('a', null);
  expect(read()).toEqual({});
});

test('after a crash a customer still finds its orders', () => {
  const { customer, order, read, restart } = driver();
  order('o1', 'a');
  restart();
  customer('a', 'Consumer');
  expect(read()).toEqual({ o1: 'name of a Consumer East' });
});
