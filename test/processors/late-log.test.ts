import { expect, test } from 'vitest';
import { systemClock } from '../../infra/process/clock.ts';
import { silentLog } from '../../infra/process/log.ts';
import { lateLog } from '../../processors/late-log.ts';

test('the first late record is told at once, those after it together and without their values', () => {
  const lines: object[] = [];
  let now = 1_000;
  const log = { ...silentLog, warn: (fields: object) => void lines.push(fields) };
  const hook = lateLog(log, { ...systemClock, now: () => now });
  const late = { side: 'right', key: 'k', value: 'secret', time: 5, streamTime: 9 } as const;
  hook(late);
  hook(late);
  now += 9_999;
  hook(late);
  expect(lines).toEqual([{ side: 'right', time: 5, streamTime: 9, count: 1 }]);
  now += 1;
  hook(late);
  expect(lines.slice(1)).toEqual([{ side: 'right', time: 5, streamTime: 9, count: 3 }]);
});
