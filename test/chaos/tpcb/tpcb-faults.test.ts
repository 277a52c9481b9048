import { expect, test } from 'vitest';
import { MIRRORS } from './mirror.ts';
import { SESSION_TIMEOUT_MS, planSinkFaults } from './tpcb-faults.ts';

test('a seed always gives the same faults, another seed others', () => {
  expect(planSinkFaults(7, 100)).toEqual(planSinkFaults(7, 100));
  expect(planSinkFaults(8, 100)).not.toEqual(planSinkFaults(7, 100));
});

test('ten minutes hold every kind of fault for every sink, and what sleeps sleeps past its session', () => {
  const faults = planSinkFaults(1, 600).flatMap((lane) => lane.map(({ fault }) => fault));
  const seen = new Set(faults.map(({ sink, kind, second }) => `${sink} ${kind} ${second ? 2 : 1}`));
  const kinds = ['kill 1', 'kill 2', 'pause 1', 'pause 2', 'replace 1', 'double 2'];
  expect(seen).toEqual(new Set(MIRRORS.flatMap(({ name }) => kinds.map((kind) => `${name} ${kind}`))));
  const slept = faults.filter(({ kind }) => kind === 'pause' || kind === 'replace');
  expect(Math.min(...slept.map(({ forMs }) => forMs))).toBeGreaterThan(SESSION_TIMEOUT_MS);
});
