import { Failure } from '../../infra/process/failure.ts';
import { changeSchema } from './body-serdes.ts';
import { type Duration, durationMs } from './duration.ts';
import type { SuppressNode } from './plan/plan.ts';
import type { Handle, PlanBuilder } from './plan/plan-builder.ts';

export type SuppressUntil = 'window-close' | { readonly timeLimit: Duration; readonly recordsMax?: number };

/** Adds a buffer to the plan that holds a table's changes back. @throws Failure `topology.bad_suppress` (stop) */
export function addSuppress(plan: PlanBuilder, input: Handle, name: string, until: SuppressUntil): Handle {
  const id = plan.named(name);
  const due = dueOf(id, input, until);
  const value = changeSchema(plan.schemaOf(input, id));
  const store = plan.addStore({ name: id, kind: 'window', key: input.key, value, changelog: true });
  plan.add({ id, operator: 'suppress', inputs: [input.id], stores: [store], ...due });
  return { ...input, id, historyMs: undefined };
}

function dueOf(
  id: string,
  { closeDelayMs }: Handle,
  until: SuppressUntil,
): Pick<SuppressNode, 'until' | 'delayMs' | 'recordsMax'> {
  if (until !== 'window-close') {
    const delayMs = durationMs(until.timeLimit);
    const recordsMax = until.recordsMax ?? null;
    if (delayMs >= 0 && (recordsMax === null || recordsMax >= 1))
      return { until: 'time-limit', delayMs, recordsMax };
  } else if (closeDelayMs !== undefined) return { until, delayMs: closeDelayMs, recordsMax: null };
  throw new Failure('topology.bad_suppress', 'stop', `step "${id}" cannot hold anything back`, {
    fix: 'the time limit is at least 0, recordsMax at least 1, and only windows close',
  });
}
