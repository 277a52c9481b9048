import { expect, test } from 'vitest';
import { fillText } from '../../../../connectors/postgres-sink/rebuild/fill-report.ts';

test('the time left goes by the speed of this run, not by what an earlier one has done', () => {
  const pace = { startedMs: 1_000, doneAtStart: 5_000 };
  expect(fillText({ done: 6_000, total: 16_000 }, 800, pace, 11_000)).toBe(
    '6,000 of 16,000 offsets (37 %), 80 records a second, 100 s left',
  );
  expect(fillText({ done: 6_000, total: 1_006_000 }, 800, pace, 11_000)).toContain('3 h left');
});

test('nothing is foretold before anything has come', () => {
  const pace = { startedMs: 1_000, doneAtStart: 0 };
  expect(fillText({ done: 0, total: 10 }, 0, pace, 1_000)).toBe('0 of 10 offsets (0 %)');
  expect(fillText({ done: 0, total: 0 }, 0, pace, 2_000)).toBe('0 of 0 offsets (100 %), 0 records a second');
});
