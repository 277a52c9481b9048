import { expect, test } from 'vitest';
import { type BackoffPolicy, backoffMs, retry } from '../../../infra/process/backoff.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';

const POLICY: BackoffPolicy = { initialMs: 100, maxMs: 1000, attemptsMax: 4 };

function recordingClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 0,
    sleep: async (ms) => void slept.push(ms),
    every: () => ({ [Symbol.dispose]: () => undefined }),
  };
}

const retriable = (): Failure => new Failure('test.transient', 'retry', 'not now');

test.each([
  [0, 0, 50],
  [0, 1, 100],
  [2, 1, 400],
  [10, 1, 1000],
])('attempt %i with random %i waits %i ms', (attempt, random, ms) => {
  expect(backoffMs(POLICY, attempt, () => random)).toBe(ms);
});

test('a retriable failure is tried again until it succeeds', async () => {
  const clock = recordingClock();
  let tries = 0;
  const result = await retry(POLICY, { clock, random: () => 1 }, async () => {
    if (++tries < 3) throw retriable();
    return 'done';
  });
  expect(result).toBe('done');
  expect(clock.slept).toEqual([100, 200]);
});

test('the attempts are bounded, and the last error comes out', async () => {
  const clock = recordingClock();
  let tries = 0;
  const failing = retry(POLICY, { clock, random: () => 1 }, async () => {
    tries++;
    throw retriable();
  });
  await expect(failing).rejects.toThrow('not now');
  expect(tries).toBe(4);
});

test('a failure that no retry can help is thrown at once', async () => {
  const clock = recordingClock();
  const failing = retry(POLICY, { clock, random: () => 1 }, async () => {
    throw new Failure('test.final', 'stop', 'never');
  });
  await expect(failing).rejects.toThrow('never');
  expect(clock.slept).toEqual([]);
});

test('an aborted signal ends the tries', async () => {
  const stop = new AbortController();
  const clock = recordingClock();
  let tries = 0;
  const failing = retry(POLICY, { clock, random: () => 1, signal: stop.signal }, async () => {
    tries++;
    stop.abort();
    throw retriable();
  });
  await expect(failing).rejects.toThrow('not now');
  expect(tries).toBe(1);
});
