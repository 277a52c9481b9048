import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { orderFulfilment } from '../../../processors/pipelines/order-fulfilment.ts';
import { topics } from '../../../schemas/topics.ts';

const DAY = 19_000;

function driver() {
  const driver = testDriver(orderFulfilment);
  driver.pipe(
    topics.customers,
    { customer_id: 'c1' },
    { customer_id: 'c1', name: 'Ada', segment: 'Consumer' },
  );
  return {
    ...driver,
    read: () => driver.read(topics.orderFulfilment),
    dropped: () => driver.dropped(),
    order: (id: string, day: number, customer: string | null = 'c1') =>
      driver.pipe(
        topics.orders,
        { order_id: id },
        { order_id: id, order_date: DAY + day, customer_id: customer, region: 'East' },
      ),
    shipment: (id: string, day: number) =>
      driver.pipe(
        topics.shipments,
        { order_id: id },
        { order_id: id, ship_date: DAY + day, ship_mode: 'First Class' },
      ),
  };
}

test('an order meets its shipment and its customer', () => {
  const { order, shipment, read } = driver();
  order('o1', 0);
  shipment('o1', 3);
  expect(read()).toEqual([
    {
      key: { order_id: 'o1' },
      value: {
        order_id: 'o1',
        order_date: DAY,
        ship_date: DAY + 3,
        days_to_ship: 3,
        ship_mode: 'First Class',
        customer_id: 'c1',
        customer_name: 'Ada',
        segment: 'Consumer',
        region: 'East',
      },
      timestamp: (DAY + 3) * 86_400_000,
    },
  ]);
});

test('it does not matter which of the two comes first', () => {
  const { order, shipment, read } = driver();
  shipment('o1', 1);
  order('o1', 0);
  expect(read().map(({ value }) => value?.days_to_ship)).toEqual([1]);
});

test.each([
  [0, 1],
  [7, 1],
  [8, 0],
  [-1, 0],
])('a shipment %i days after the order gives %i row(s)', (days, rows) => {
  const { order, shipment, read } = driver();
  order('o1', 0);
  shipment('o1', days);
  expect(read()).toHaveLength(rows);
});

test('a shipment that comes when its window is over is dropped and counted as late', () => {
  const { order, shipment, read, dropped } = driver();
  order('o1', 0);
  order('o2', 30);
  shipment('o1', 3);
  expect(read()).toEqual([]);
  expect(dropped().map(({ reason }) => reason)).toEqual(['late']);
});

test('an order of nobody is shipped to nobody: there is no row without a customer', () => {
  const { order, shipment, read } = driver();
  order('o1', 0, null);
  shipment('o1', 1);
  expect(read()).toEqual([]);
});
