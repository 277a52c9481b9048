import { expect, test } from 'vitest';
import { generateDataset } from '../../../../infra/local/demo/generated-dataset.ts';
import { loadDataset } from '../../../../infra/local/demo/superstore.ts';
import { planWorkload } from '../../../../infra/local/demo/workload.ts';

test('the superstore has the counts that its description gives', async () => {
  const data = await loadDataset(1);
  expect(data.origin).toContain('superstore');
  expect(data.customers).toHaveLength(793);
  expect(data.products).toHaveLength(1862);
  expect(data.orders).toHaveLength(5009);
  expect(data.shipments).toHaveLength(5009);
  expect(data.orders.flatMap((order) => order.lines)).toHaveLength(9994);
});

test('the same seed generates the same stand-in, another seed another one', () => {
  expect(generateDataset(1)).toEqual(generateDataset(1));
  expect(generateDataset(1).orders).not.toEqual(generateDataset(2).orders);
});

test('every order and shipment is loaded once, in event-time order, corrections and returns among them', () => {
  const data = generateDataset(3);
  const { before, live } = planWorkload(data, 0.25);
  const texts = (word: string): number =>
    [...before, ...live].flat().filter((statement) => statement.text.startsWith(word)).length;
  const dates = live
    .flat()
    .filter((statement) => statement.text.startsWith('INSERT INTO orders '))
    .map((statement) => String(statement.values[1]));
  expect(dates).toEqual(dates.toSorted());
  expect(texts('INSERT INTO orders ')).toBe(data.orders.length);
  expect(texts('DELETE FROM order_lines')).toBeGreaterThan(100);
  expect(texts('UPDATE order_lines')).toBeGreaterThan(100);
  expect(before.length).toBeGreaterThan(10);
  expect(live.length).toBeGreaterThan(before.length);
});
