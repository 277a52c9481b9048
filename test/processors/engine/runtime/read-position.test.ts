import { expect, test } from 'vitest';
import { ReadPosition } from '../../../../processors/engine/runtime/read-position.ts';

const at = (position: number): ReadPosition => new ReadPosition({ topic: 't', partition: 0 }, position);

test('a partition is not clear before its end has been listed', () => {
  const read = at(10);
  expect(read.isClearFor(1)).toBe(false);
  expect(read.needsListing(1)).toBe(true);
});

test('a listing clears a partition that has been read to its end, for records of that round and earlier ones', () => {
  const read = at(10);
  read.listed(3, 10);
  expect(read.isClearFor(3)).toBe(true);
  expect(read.isClearFor(2)).toBe(true);
  expect(read.isClearFor(4)).toBe(false);
});

test('a partition that lags becomes clear when it reaches the listed end, not before', () => {
  const read = at(10);
  read.listed(3, 12);
  read.moveTo(11);
  expect(read.isClearFor(3)).toBe(false);
  read.moveTo(12);
  expect(read.isClearFor(3)).toBe(true);
});

test('a goal that is not reached yet is not moved away by another listing', () => {
  const read = at(10);
  read.listed(3, 12);
  expect(read.needsListing(5)).toBe(false);
  read.moveTo(12);
  expect(read.needsListing(5)).toBe(true);
});
