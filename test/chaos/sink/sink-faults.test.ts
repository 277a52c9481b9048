import { expect, test } from 'vitest';
import { SESSION_TIMEOUT_MS, SINKS, STATIC_SINKS, planSinkFaults, planText } from './sink-faults.ts';

test('a seed always gives the same faults, and another seed others', () => {
  expect(planSinkFaults(7, 300)).toEqual(planSinkFaults(7, 300));
  expect(planSinkFaults(8, 300)).not.toEqual(planSinkFaults(7, 300));
});

test('half an hour holds every kind of fault, and a COMMIT broken in each way before and after it', () => {
  const { processes, scale, lines, database } = planSinkFaults(1, 1_800);
  const kinds = (planned: readonly { readonly fault: { readonly kind: string } }[]): string[] =>
    [...new Set(planned.map(({ fault }) => fault.kind))].toSorted();
  expect(kinds(processes)).toEqual(['cut lines of', 'freeze', 'kill', 'overtake']);
  expect(kinds(database)).toEqual(['end a session', 'lock', 'restart postgres']);
  expect(scale.slice(0, 4).map(({ fault }) => fault.to)).toEqual([1, 3, 2, 3]);
  const faults = lines.map(({ fault }) => fault);
  const ways = faults.map((fault) => ('moment' in fault ? `${fault.kind} ${fault.moment}` : fault.kind));
  expect([...new Set(ways)].toSorted()).toEqual(
    ['cut', 'deaden', 'freeze', 'hold']
      .flatMap((kind) => [`${kind} after COMMIT`, `${kind} before COMMIT`])
      .concat(['cut line', 'slow line', 'freeze before BEGIN'])
      .toSorted(),
  );
  expect(new Set(faults.map(({ slot }) => slot)).size).toBe(SINKS);
});

test('a sink sleeps for longer than its session, and only one with a name of its own is replaced', () => {
  for (const { fault } of planSinkFaults(1, 600).processes) {
    if (fault.kind === 'freeze' || fault.kind === 'overtake')
      expect(fault.forMs).toBeGreaterThan(SESSION_TIMEOUT_MS);
    if (fault.kind === 'overtake') expect(fault.slot).toBeLessThan(STATIC_SINKS);
  }
});

test('the plan is told in a line for each lane', () => {
  const lines = planText(planSinkFaults(1, 60));
  expect(lines.map((line) => line.split(':')[0])).toEqual(
    ['sinks', 'scale', 'lines', 'postgres', 'brokers'].map((lane) => `plan of ${lane}`),
  );
});
