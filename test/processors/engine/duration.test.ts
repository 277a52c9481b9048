import { expect, test } from 'vitest';
import { durationMs } from '../../../processors/engine/duration.ts';
import { dayMs, microsMs } from '../../../processors/engine/event-time.ts';

test.each([
  ['15m', 900_000],
  ['7d', 604_800_000],
  ['0d', 0],
  ['-3s', -3_000],
  ['250ms', 250],
  ['2h', 7_200_000],
  [42, 42],
] as const)('%s is %d milliseconds', (duration, ms) => {
  expect(durationMs(duration)).toBe(ms);
});

test.each([1.5, Number.NaN, '1.5h', '1e3s'] as const)('%s is no duration', (duration) => {
  expect(() => durationMs(duration)).toThrow(expect.objectContaining({ code: 'topology.bad_duration' }));
});

test('event times of dates and timestamps round towards the past', () => {
  expect(dayMs(-1)).toBe(-86_400_000);
  expect(dayMs(null)).toBeNull();
  expect(microsMs(1_999n)).toBe(1);
  expect(microsMs(-1n)).toBe(-1);
  expect(microsMs(-1_000n)).toBe(-1);
  expect(microsMs(null)).toBeNull();
});
