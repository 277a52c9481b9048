import { expect, test } from 'vitest';
import { planOracleFaults, planText } from './role-faults.ts';

test('a seed gives the same plan of faults again, and another one another', () => {
  const text = (seed: number): string => planText(planOracleFaults(seed, 120)).join('\n');
  expect(text(5)).toBe(text(5));
  expect(text(5)).not.toBe(text(6));
});

test('every lane has faults, and none outlasts the time', () => {
  const { source, processors, sinks, target } = planOracleFaults(11, 120);
  const lanes = [source.processes, source.database, source.kafka, processors, sinks, target];
  for (const lane of lanes) {
    expect(lane.length).toBeGreaterThan(0);
    const lasts = lane.reduce((sum, { afterMs, fault }) => sum + afterMs + fault.forMs, 0);
    expect(lasts).toBeLessThanOrEqual(120_000);
  }
});
