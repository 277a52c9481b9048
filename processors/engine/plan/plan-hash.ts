import { createHash } from 'node:crypto';
import type { Plan } from './plan.ts';
import { planLayout } from './plan-layout.ts';

/** Half of a SHA-256: enough that two plans never share it, short enough for a log line. */
const HASH_HEX_DIGITS = 16;

/**
 * Tells apart what processes must agree on to share the work of a group: state, internal topics, which topics each
 * sub-topology reads, in whatever order their objects' properties stand. Plans that differ in steps without state have
 * one hash. What the user's functions compute is not in the plan, and not in the hash.
 */
export function planHash(plan: Plan): string {
  const { inputs, steps, repartitions } = planLayout(plan);
  const plain = steps.map(({ after, ...step }) => ({ ...step, after: [...after] }));
  const text = JSON.stringify(
    { pipeline: plan.pipeline, inputs, steps: plain, repartitions },
    (_, value: unknown) => (isRecord(value) ? sorted(value) : value),
  );
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_HEX_DIGITS);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function sorted(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
