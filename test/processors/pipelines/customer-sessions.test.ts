import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { customerSessions } from '../../../processors/pipelines/customer-sessions.ts';
import { decimal, decimalText } from '../../../schemas/decimal.ts';
import { topics } from '../../../schemas/topics.ts';

const MINUTE = 60_000;

function driver() {
  const driver = testDriver(customerSessions);
  let lines = 0;
  const buy = (minute: number, customer: string | null, sales = '1', op = 'c') =>
    driver.pipe(
      topics.sales,
      { line_id: ++lines },
      { line_id: lines, customer_id: customer, quantity: 2, sales: decimal(sales), __op: op },
      { timestamp: minute * MINUTE },
    );
  /** Customer, first minute, last minute, lines, quantity, revenue. */
  const read = () =>
    driver
      .read(topics.customerSessions)
      .map(({ key, value }) => [
        key?.customer_id,
        Number(key?.window_start) / MINUTE,
        Number(key?.window_end) / MINUTE,
        value?.lines,
        value?.quantity,
        value && decimalText(value.revenue),
      ]);
  return { buy, read, dropped: () => driver.dropped(), restart: () => driver.restart() };
}

test('purchases at most half an hour apart are one visit, told a minute after it cannot grow', () => {
  const { buy, read } = driver();
  buy(0, 'a', '1.5');
  buy(30, 'a', '2');
  buy(61, 'b');
  expect(read()).toEqual([]);
  buy(61.5, 'b');
  expect(read()).toEqual([['a', 0, 30, 2, 4n, '3.5000']]);
  buy(92, 'b');
  buy(200, 'c');
  expect(read().map(([customer, from, to]) => [customer, from, to])).toEqual([
    ['b', 61, 61.5],
    ['b', 92, 92],
  ]);
});

test('a purchase between two visits makes them one', () => {
  const { buy, read } = driver();
  buy(0, 'a');
  buy(31, 'a');
  buy(30, 'a');
  buy(200, 'b');
  expect(read()).toEqual([['a', 0, 31, 3, 6n, '3.0000']]);
});

test('corrections, snapshot rows and sales to nobody make no visit', () => {
  const { buy, read, dropped } = driver();
  buy(0, 'a', '1', 'u');
  buy(0, 'a', '1', 'r');
  buy(0, null);
  buy(200, 'b');
  buy(400, 'b');
  expect(read().map(([customer]) => customer)).toEqual(['b']);
  expect(dropped().map(({ reason }) => reason)).toEqual(['null_key']);
});

test('after a crash the open visit goes on', () => {
  const { buy, read, restart } = driver();
  buy(0, 'a');
  restart();
  buy(20, 'a');
  buy(200, 'b');
  expect(read()).toEqual([['a', 0, 20, 2, 4n, '2.0000']]);
});
