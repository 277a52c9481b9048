import { expect, test } from 'vitest';
import {
  RANGE_PAGES_MIN,
  RangeQueue,
  pageRanges,
} from '../../../../connectors/postgres-source/copies/snapshot-ranges.ts';

test('S72 the ranges of a table follow each other without a gap, and the last one has no end', () => {
  for (const pages of [0, 1, RANGE_PAGES_MIN, RANGE_PAGES_MIN + 1, 100_000]) {
    const ranges = pageRanges('t', pages, 4);
    expect(ranges[0]?.from).toBe(0);
    for (const [i, range] of ranges.entries()) expect(range.to).toBe(ranges[i + 1]?.from ?? null);
  }
  expect(pageRanges('t', 100_000, 4)).toHaveLength(16);
  expect(pageRanges('t', RANGE_PAGES_MIN, 4)).toHaveLength(1);
});

test('a table that one session reads is one range: its stored order is kept', () => {
  expect(pageRanges('t', 1_000_000, 1)).toEqual([{ table: 't', from: 0, to: null }]);
});

test('a table has no more readers than it may have, and is done with its last range', () => {
  const queue = new RangeQueue<string>();
  queue.add('a', pageRanges('a', 2 * RANGE_PAGES_MIN, 2), 1);
  queue.add('b', pageRanges('b', 0, 1), 1);
  const first = queue.take();
  const second = queue.take();
  expect([first?.table, second?.table, queue.take()]).toEqual(['a', 'b', null]);
  if (first === null || second === null) throw new Error('two ranges');
  expect(queue.done(first)).toBe(false);
  const rest = queue.take();
  expect(rest).toMatchObject({ table: 'a', from: RANGE_PAGES_MIN, to: null });
  if (rest === null) throw new Error('a range');
  expect([queue.done(rest), queue.done(second)]).toEqual([true, true]);
});

test('S80 a table that cannot be read is read no further', () => {
  const queue = new RangeQueue<string>();
  queue.add('a', pageRanges('a', 9 * RANGE_PAGES_MIN, 2), 2);
  queue.take();
  queue.drop('a');
  expect([queue.take(), queue.has('a')]).toEqual([null, false]);
});
