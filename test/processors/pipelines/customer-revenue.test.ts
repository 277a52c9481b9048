import { expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import { customerRevenue } from '../../../processors/pipelines/customer-revenue.ts';
import { decimal, decimalText } from '../../../schemas/decimal.ts';
import { topics } from '../../../schemas/topics.ts';

function driver() {
  const driver = testDriver(customerRevenue);
  const customer = (id: string, segment: string) =>
    driver.pipe(topics.customers, { customer_id: id }, { customer_id: id, name: `name of ${id}`, segment });
  const line = (lineId: number, id: string, sales: string, quantity = 1) =>
    driver.pipe(
      topics.orderLines,
      { line_id: lineId },
      {
        line_id: lineId,
        order_id: 'o',
        customer_id: id,
        quantity,
        sales: decimal(sales),
        profit: decimal('0.1'),
      },
    );
  const remove = (lineId: number) => driver.pipe(topics.orderLines, { line_id: lineId }, null);
  /** The last result per customer, as a sink would keep it. */
  const results = new Map<string, string | null>();
  const read = () => {
    for (const { key, value } of driver.read(topics.customerRevenue)) {
      const text = value && `${value.segment} ${value.lines} ${value.quantity} ${decimalText(value.revenue)}`;
      results.set(key?.customer_id ?? '', text);
    }
    return Object.fromEntries(results);
  };
  return { customer, line, remove, read, restart: () => driver.restart() };
}

test('a line is added, corrected and moved to another customer: both sums follow', () => {
  const { customer, line, read } = driver();
  customer('a', 'Consumer');
  customer('b', 'Corporate');
  line(1, 'a', '10.0001', 2);
  line(2, 'a', '0.0002');
  expect(read()).toEqual({ a: 'Consumer 2 3 10.0003' });
  line(1, 'a', '20', 5);
  expect(read()).toEqual({ a: 'Consumer 2 6 20.0002' });
  line(1, 'b', '20', 5);
  expect(read()).toEqual({ a: 'Consumer 1 1 0.0002', b: 'Corporate 1 5 20.0000' });
});

test('a customer disappears with the last line', () => {
  const { customer, line, remove, read } = driver();
  customer('a', 'Consumer');
  line(1, 'a', '5');
  remove(1);
  expect(read()).toEqual({ a: null });
});

test('a change of the customer alone is a new result', () => {
  const { customer, line, read } = driver();
  line(1, 'a', '5');
  expect(read()).toEqual({});
  customer('a', 'Consumer');
  expect(read()).toEqual({ a: 'Consumer 1 1 5.0000' });
  customer('a', 'VIP');
  expect(read()).toEqual({ a: 'VIP 1 1 5.0000' });
});

test('after a crash the changelogs hold all that is needed to go on', () => {
  const { customer, line, remove, read, restart } = driver();
  customer('a', 'Consumer');
  line(1, 'a', '5');
  line(2, 'a', '7');
  restart();
  remove(1);
  expect(read()).toEqual({ a: 'Consumer 1 1 7.0000' });
});
