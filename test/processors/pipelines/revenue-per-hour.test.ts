import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { revenuePerHour } from '../../../processors/pipelines/revenue-per-hour.ts';
import { decimal, decimalText } from '../../../schemas/decimal.ts';
import { topics } from '../../../schemas/topics.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

function driver() {
  const driver = testDriver(revenuePerHour);
  for (const [id, segment] of [
    ['a', 'Consumer'],
    ['b', 'Consumer'],
    ['c', 'Corporate'],
    ['d', null],
  ] as const)
    driver.pipe(
      topics.customers,
      { customer_id: id },
      { customer_id: id, name: null, segment },
      { timestamp: 1 },
    );
  let lines = 0;
  const sale = (timestamp: number, customer: string, sales: string, op = 'c') =>
    driver.pipe(
      topics.sales,
      { line_id: ++lines },
      { line_id: lines, customer_id: customer, quantity: 1, sales: decimal(sales), __op: op },
      { timestamp },
    );
  const read = () =>
    driver
      .read(topics.revenuePerHour)
      .map(({ key, value }) => [key?.segment, value?.lines, value && decimalText(value.revenue)]);
  return {
    sale,
    read,
    dropped: () => driver.dropped(),
    entries: (store: string) => driver.entries(store),
    restart: () => driver.restart(),
  };
}

test('an hour is told once, a minute after its end, segment by segment', () => {
  const { sale, read } = driver();
  sale(10 * HOUR, 'a', '1.0001');
  sale(11 * HOUR - 1, 'b', '2');
  sale(11 * HOUR - 1, 'c', '4');
  sale(11 * HOUR, 'a', '8');
  sale(11 * HOUR + MINUTE - 1, 'a', '16');
  expect(read()).toEqual([]);
  sale(11 * HOUR + MINUTE, 'a', '32');
  expect(read()).toEqual([
    ['Consumer', 2, '3.0001'],
    ['Corporate', 1, '4.0000'],
  ]);
  sale(12 * HOUR + MINUTE, 'c', '64');
  expect(read()).toEqual([['Consumer', 3, '56.0000']]);
});

test('the result is keyed by segment and the bounds of the hour', () => {
  const driver = testDriver(revenuePerHour);
  const customer = { customer_id: 'a', name: null, segment: 'Consumer' };
  driver.pipe(topics.customers, { customer_id: 'a' }, customer, { timestamp: 1 });
  for (const [line, hour] of [
    [1, 10],
    [2, 12],
  ] as const)
    driver.pipe(
      topics.sales,
      { line_id: line },
      { line_id: line, customer_id: 'a', quantity: 1, sales: decimal('1.5'), __op: 'c' },
      { timestamp: hour * HOUR },
    );
  const bounds = { window_start: BigInt(10 * HOUR), window_end: BigInt(11 * HOUR) };
  expect(driver.read(topics.revenuePerHour).map(({ key }) => key)).toEqual([
    { segment: 'Consumer', ...bounds },
  ]);
});

test('a sale within the minute of grace counts, a later one is late', () => {
  const { sale, read, dropped } = driver();
  sale(11 * HOUR + MINUTE - 1, 'a', '1');
  sale(11 * HOUR - 1, 'a', '2');
  sale(11 * HOUR + MINUTE, 'a', '4');
  sale(11 * HOUR - 1, 'a', '8');
  expect(read()).toEqual([['Consumer', 1, '2.0000']]);
  expect(dropped().map(({ reason }) => reason)).toEqual(['late']);
});

test('a correction and a row of a snapshot are no sales, and neither is what no segment bought', () => {
  const { sale, read, entries } = driver();
  sale(10 * HOUR, 'a', '1', 'u');
  sale(10 * HOUR, 'a', '1', 'r');
  sale(10 * HOUR, 'd', '1');
  sale(10 * HOUR, 'nobody', '1');
  expect(entries('revenue')).toBe(0);
  expect(read()).toEqual([]);
});

test('after a crash the open hour is still there', () => {
  const { sale, read, restart } = driver();
  sale(10 * HOUR, 'a', '1');
  restart();
  sale(12 * HOUR, 'c', '2');
  expect(read()).toEqual([['Consumer', 1, '1.0000']]);
});
