import { expect, test } from 'vitest';
import { readTime, writeTime } from '../../../../processors/engine/state/time-bytes.ts';

test.each([
  0,
  1,
  -1,
  2 ** 32 - 1,
  2 ** 32,
  -(2 ** 32),
  -(2 ** 32) - 1,
  1_763_773_000_123,
  -62_135_596_800_000,
  Number.MAX_SAFE_INTEGER,
])('%d milliseconds survive their bytes', (time) => {
  const bytes = Buffer.alloc(10);
  writeTime(bytes, time, 1);
  expect(readTime(bytes, 1)).toBe(time);
});
