import { expect, test } from 'vitest';
import { must } from '../../../infra/process/assert.ts';
import { type Change, changesOf, committed } from './changes.ts';
import { TABLES, keyText } from './sink-tables.ts';

const [accounts, orders] = TABLES;

test('a transaction is of the seed and its number alone, and its versions are above those before it', () => {
  const versions = (number: number): number[] => changesOf(7, number).map(({ version }) => version);
  expect(changesOf(7, 3)).toEqual(changesOf(7, 3));
  expect(changesOf(8, 3)).not.toEqual(changesOf(7, 3));
  expect(Math.min(...versions(4))).toBeGreaterThan(Math.max(...versions(3)));
});

test('the transactions hold every kind of change for every table', () => {
  const changes = Array.from({ length: 100 }, (_, number) => changesOf(1, number)).flat();
  for (const table of TABLES) {
    const own = changes.filter((change) => change.table === table);
    expect(own.some(({ row }) => row === null)).toBe(true);
    expect(own.some(({ keepsBody }) => keepsBody)).toBe(table.hasUnchanged);
    expect(new Set(own.map(({ id }) => id)).size).toBeLessThan(own.length);
  }
});

test('a row that comes without its body keeps the one that it has, and has none after a deletion', () => {
  const table = must(orders, 'a table');
  const change = (version: number, row: Change['row'], keepsBody = false): Change => {
    return { table, id: 5, version, row, keepsBody };
  };
  const key = keyText(table, 5);
  const changes = [change(1, { amount: 1, body: 'first' }), change(2, { amount: null, body: null }, true)];
  expect(committed(changes).rows.get('orders')?.get(key)).toEqual(['2', null, 'first']);
  const gone = [...changes, change(3, null)];
  expect(committed(gone).rows.get('orders')?.has(key)).toBe(false);
  const again = [...gone, change(4, { amount: 7, body: null }, true)];
  expect(committed(again).rows.get('orders')?.get(key)).toEqual(['4', '7', null]);
  expect(committed(again).history.get('orders')?.get(key)).toEqual(
    [1, 2, 3, 4].map((version) => ({ version, isDeletion: version === 3 })),
  );
});

test('tables do not share their rows', () => {
  const row = { amount: 1, body: null };
  const change = { id: 1, version: 1, row, keepsBody: false };
  const { rows } = committed([{ ...change, table: must(accounts, 'a table') }]);
  expect([...rows].map(([name, own]) => [name, own.size])).toEqual([
    ['accounts', 1],
    ['orders', 0],
    ['notes', 0],
  ]);
});
