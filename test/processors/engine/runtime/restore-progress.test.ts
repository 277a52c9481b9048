import { expect, test } from 'vitest';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { RestoreProgress } from '../../../../processors/engine/runtime/restore-progress.ts';

test('a restore tells every five seconds how far it is, how fast, and how long it will take', () => {
  let now = 1_000_000;
  const told: unknown[] = [];
  const log = {
    ...silentLog,
    info: (fields: object, message: string) => void told.push({ ...fields, message }),
  };
  const progress = new RestoreProgress('0_1', { ...systemClock, now: () => now }, log);
  progress.moved(1_000, 100_000);
  expect(told).toEqual([]);
  now += 4_999;
  progress.moved(9_000, 90_000);
  expect(told).toEqual([]);
  now += 1;
  progress.moved(15_000, 75_000);
  const step = {
    task: '0_1',
    records: 25_000,
    remaining: 75_000,
    percent: 25,
    perSecond: 5_000,
    secondsLeft: 15,
  };
  expect(told).toEqual([{ ...step, message: 'restoring state' }]);
  now += 4_000;
  progress.moved(75_000, 0);
  progress.done('tail');
  expect(told.slice(1)).toEqual([
    { task: '0_1', records: 100_000, from: 'tail', ms: 9_000, message: 'state restored' },
  ]);
});
