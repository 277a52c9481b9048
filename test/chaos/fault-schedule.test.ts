import { expect, test } from 'vitest';
import { COPIERS, SESSION_TIMEOUT_MS, planFaults } from './fault-schedule.ts';

test('a seed always gives the same faults, and another seed others', () => {
  expect(planFaults(7, 300)).toEqual(planFaults(7, 300));
  expect(planFaults(8, 300)).not.toEqual(planFaults(7, 300));
});

test('more seconds only add faults', () => {
  const { brokers } = planFaults(7, 60);
  expect(planFaults(7, 120).brokers.slice(0, brokers.length)).toEqual(brokers);
});

test('five minutes hold every kind of fault, for every copier and every way to choose a broker', () => {
  const { copiers, brokers } = planFaults(1, 300);
  const kinds = [...copiers, ...brokers].map(({ fault }) => fault.kind);
  expect(new Set(kinds)).toEqual(
    new Set(['kill copier', 'freeze copier', 'kill broker', 'stop broker', 'freeze broker', 'move leaders']),
  );
  expect(new Set(copiers.map(({ fault }) => fault.copier)).size).toBe(COPIERS);
  const choices = brokers.flatMap(({ fault }) => ('node' in fault ? [fault.node.by] : []));
  expect(new Set(choices)).toEqual(new Set(['id', 'group', 'transaction']));
});

test('a copier is frozen for longer than its session', () => {
  const frozen = planFaults(1, 300).copiers.filter(({ fault }) => fault.kind === 'freeze copier');
  expect(frozen.length).toBeGreaterThan(0);
  for (const { fault } of frozen) expect(fault.forMs).toBeGreaterThan(SESSION_TIMEOUT_MS);
});

test('the faults of a lane fit into the time', () => {
  const { copiers, brokers } = planFaults(3, 60);
  for (const lane of [copiers, brokers]) {
    const sum = lane.reduce((total, { afterMs, fault }) => total + afterMs + fault.forMs, 0);
    expect(sum).toBeLessThanOrEqual(60_000);
  }
});
