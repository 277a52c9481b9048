import { expect, test } from 'vitest';
import { compare, compareWritten, originKey } from './comparison.ts';

const record = (partition: number, offset: number, key: string | null, value = 'v') => ({
  partition,
  offset,
  key,
  value,
});
const copyOf = (origin: string, partition: number, offset: number, value = 'v') =>
  record(partition, offset, origin, value);

const input = [record(0, 0, null), record(0, 1, null), record(1, 5, null, 'w')];
const copies = [copyOf('0/0', 0, 0), copyOf('0/1', 0, 1), copyOf('1/5', 1, 0, 'w')];

test('a copy of each record is right', () => {
  expect(originKey(1, 5)).toBe('1/5');
  expect(compare(input, copies)).toEqual({
    records: 3,
    lost: 0,
    duplicated: 0,
    alien: 0,
    altered: 0,
    disordered: 0,
    examples: [],
  });
});

test('a record without a copy is lost, and named', () => {
  expect(compare(input, copies.slice(1))).toMatchObject({ lost: 1, examples: ['lost: input 0/0'] });
  expect(compare(input, [])).toMatchObject({ records: 3, lost: 3 });
});

test('a second copy is a duplicate, in whichever partition it is', () => {
  const found = compare(input, [...copies, copyOf('0/1', 1, 7)]);
  expect(found).toMatchObject({ lost: 0, duplicated: 1 });
  expect(found.examples).toEqual(['duplicated: input 0/1 at output 1/7']);
  expect(compare(input, [...copies, ...copies])).toMatchObject({ duplicated: 3 });
});

test('a copy of a record that a read-committed reader does not see is alien', () => {
  expect(compare(input, [...copies, copyOf('0/2', 0, 9)])).toMatchObject({ alien: 1, duplicated: 0 });
});

test('a copy with another value is altered', () => {
  expect(compare(input, [copyOf('0/0', 0, 0, 'x'), ...copies.slice(1)])).toMatchObject({
    altered: 1,
    lost: 0,
  });
});

test('a copy behind that of a later record is out of order, however the tool lists them', () => {
  const swapped = [copyOf('0/0', 0, 1), copyOf('0/1', 0, 0), copyOf('1/5', 1, 0, 'w')];
  expect(compare(input, swapped)).toMatchObject({ disordered: 1, lost: 0, duplicated: 0 });
  expect(compare(input, copies.toReversed())).toMatchObject({ disordered: 0 });
});

test('examples are bounded, counts are not', () => {
  const many = Array.from({ length: 1000 }, (_, offset) => record(0, offset, null));
  const found = compare(many, []);
  expect(found.lost).toBe(1000);
  expect(found.examples.length).toBeLessThan(100);
});

test('a written record that is acknowledged is there once, and an aborted one is not', () => {
  const values = (...all: string[]) => all.map((value, offset) => record(0, offset, null, value));
  const acknowledged = new Set(['a', 'b']);
  const aborted = new Set(['x']);
  const written = (...all: string[]) => compareWritten(acknowledged, aborted, values(...all));
  // What is neither acknowledged nor aborted may be there or not.
  expect(written('a', 'b', 'maybe')).toEqual({ lost: 0, duplicated: 0, alien: 0, examples: [] });
  expect(written('a')).toMatchObject({ lost: 1, examples: ['acknowledged, and lost: b'] });
  expect(written('a', 'b', 'b')).toMatchObject({ duplicated: 1 });
  expect(written('a', 'b', 'x')).toMatchObject({ alien: 1 });
});
