import { expect, test } from 'vitest';
import { hasPassed } from '../../../infra/process/clock.ts';

test.each([
  ['so much later', 1_100, true],
  ['a little earlier than that', 1_099, false],
  ['at once', 1_000, false],
  ['before, by a clock that was set back', 999, true],
])('a time has passed: %s', (_, nowMs, expected) => {
  expect(hasPassed(nowMs, 1_000, 100)).toBe(expected);
});
