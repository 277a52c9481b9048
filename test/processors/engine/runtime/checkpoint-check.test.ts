import { expect, test } from 'vitest';
import { whyUnusable } from '../../../../processors/engine/runtime/checkpoint-check.ts';

const HOUR_MS = 3_600_000;
const NOW = 1_700_000_000_000;

const checkpoint = { changelogs: { totals: 50 }, inputs: { lines: 10 }, time: NOW - HOUR_MS };
const totals = { store: 'totals', topic: 'totals-changelog', earliest: 0, end: 60 };
const committed = { lines: 12 };

test('stores within their changelogs, and not ahead of the group, go on with the tail', () => {
  expect(whyUnusable(checkpoint, [totals], committed, NOW)).toBeNull();
  expect(whyUnusable(checkpoint, [{ ...totals, earliest: 50, end: 50 }], { lines: 10 }, NOW)).toBeNull();
  expect(whyUnusable({ ...checkpoint, inputs: {} }, [totals], { lines: null }, NOW)).toBeNull();
});

test.each([
  ['the changelog ends before', { ...totals, end: 49 }, /ends at 49/],
  ['the changelog begins behind it', { ...totals, earliest: 51 }, /begins at 51/],
  ['a store is new', { ...totals, store: 'other' }, /no offset/],
])('stores are of no use where %s', (_, range, reason) => {
  expect(whyUnusable(checkpoint, [range], committed, NOW)).toMatch(reason);
});

test.each([9, null])('stores that are ahead of what the group has committed (%s) are of no use', (lines) => {
  expect(whyUnusable(checkpoint, [totals], { lines }, NOW)).toMatch(/group/);
});

test('after a day tombstones may be gone, unless nothing has been written since', () => {
  const later = NOW + 24 * HOUR_MS;
  expect(whyUnusable(checkpoint, [totals], committed, later)).toMatch(/deletions/);
  expect(whyUnusable(checkpoint, [{ ...totals, end: 50 }], committed, later)).toBeNull();
});
