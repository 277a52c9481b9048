import { expect, test } from 'vitest';
import { PROCESSORS, SESSION_TIMEOUT_MS, planJoinFaults, planText } from './join-faults.ts';

test('a seed always gives the same faults, and another seed others', () => {
  expect(planJoinFaults(7, 300)).toEqual(planJoinFaults(7, 300));
  expect(planJoinFaults(8, 300)).not.toEqual(planJoinFaults(7, 300));
});

test('five minutes hold every kind of fault, every processor, and all steps from 1 to 3 to 2', () => {
  const { processors, scale } = planJoinFaults(1, 300);
  const faults = processors.map(({ fault }) => fault);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(
    new Set(['kill', 'freeze', 'overtake', 'cut lines of']),
  );
  expect(new Set(faults.map(({ slot }) => slot)).size).toBe(PROCESSORS);
  expect(scale.slice(0, 4).map(({ fault }) => fault.to)).toEqual([1, 3, 2, 3]);
});

test('a processor is frozen for longer than its session', () => {
  const { processors } = planJoinFaults(1, 300);
  for (const { fault } of processors)
    if (fault.kind === 'freeze' || fault.kind === 'overtake')
      expect(fault.forMs).toBeGreaterThan(SESSION_TIMEOUT_MS);
});

test('the plan is told in a line for each lane', () => {
  const lines = planText(planJoinFaults(1, 60));
  expect(lines.map((line) => line.split(':')[0])).toEqual([
    'plan of processors',
    'plan of scale',
    'plan of brokers',
  ]);
  expect(lines[1]).toMatch(/after \d+\.\d s 1 from [123] on for \d+\.\d s; /);
});
