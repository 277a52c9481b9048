import { expect, test } from 'vitest';
import type { LateRecord } from '../../../processors/engine/join-window.ts';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { orderShipping } from '../../../processors/pipelines/order-shipping.ts';
import { topics } from '../../../schemas/topics.ts';

const DAY = 19_000;

function driver() {
  const late: LateRecord[] = [];
  const driver = testDriver(orderShipping((record) => void late.push(record)));
  const order = (id: string, day: number) =>
    driver.pipe(
      topics.orders,
      { order_id: id },
      { order_id: id, order_date: DAY + day, customer_id: 'c1', region: 'East' },
    );
  const shipment = (id: string, day: number) =>
    driver.pipe(
      topics.shipments,
      { order_id: id },
      { order_id: id, ship_date: DAY + day, ship_mode: 'First Class' },
    );
  /** Order and days to its shipment, in order of appearance. */
  const read = () =>
    driver.read(topics.orderShipping).map(({ key, value }) => [key?.order_id, value?.days_to_ship]);
  return { order, shipment, read, late, dropped: () => driver.dropped(), restart: () => driver.restart() };
}

test('a shipped order comes out at once, with all that both rows say', () => {
  const { order, shipment, read } = driver();
  order('o1', 0);
  shipment('o1', 7);
  expect(read()).toEqual([['o1', 7]]);
  order('o2', 8);
  shipment('o2', 8);
  expect(read()).toEqual([['o2', 0]]);
});

test('an order that nothing follows comes out without a shipment, once, when its window and a day are over', () => {
  const { order, read } = driver();
  order('o1', 0);
  order('o2', 8);
  expect(read()).toEqual([]);
  order('o3', 9);
  expect(read()).toEqual([['o1', null]]);
  order('o4', 40);
  expect(read()).toEqual([
    ['o2', null],
    ['o3', null],
  ]);
});

test('the row of an order without a shipment keeps what the order says', () => {
  const driver = testDriver(orderShipping(() => undefined));
  const row = { order_date: DAY, customer_id: 'c1', region: 'East' };
  driver.pipe(topics.orders, { order_id: 'o1' }, { order_id: 'o1', ...row });
  driver.pipe(topics.orders, { order_id: 'o2' }, { order_id: 'o2', ...row, order_date: DAY + 9 });
  expect(driver.read(topics.orderShipping).map(({ value }) => value)).toEqual([
    { order_id: 'o1', ...row, ship_date: null, days_to_ship: null, ship_mode: null },
  ]);
});

test('a shipment after more than seven days is none', () => {
  const { order, shipment, read } = driver();
  order('o1', 0);
  shipment('o1', 8);
  shipment('o1', 20);
  expect(read()).toEqual([['o1', null]]);
});

test('a shipment that comes when its window is over is counted as late and shown to the hook', () => {
  const { order, shipment, read, dropped, late } = driver();
  order('o1', 0);
  order('o2', 30);
  expect(read()).toEqual([['o1', null]]);
  shipment('o1', 3);
  expect(read()).toEqual([]);
  expect(dropped().map(({ reason }) => reason)).toEqual(['late']);
  expect(late).toMatchObject([
    {
      side: 'right',
      key: { order_id: 'o1' },
      time: (DAY + 3) * 86_400_000,
      streamTime: (DAY + 30) * 86_400_000,
    },
  ]);
});

test('after a crash an order that waits is told all the same', () => {
  const { order, read, restart } = driver();
  order('o1', 0);
  restart();
  order('o2', 9);
  expect(read()).toEqual([['o1', null]]);
});
