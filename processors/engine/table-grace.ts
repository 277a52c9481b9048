import { Failure } from '../../infra/process/failure.ts';
import { type Duration, durationMs } from './duration.ts';
import type { Handle, PlanBuilder } from './plan/plan-builder.ts';

/** How a stream waits for a versioned table (KIP-923). */
export interface TableGrace {
  /**
   * An event at time t meets its row once the stream has come to t + grace, so that a row which is valid at t may come
   * that much later. Events leave in order of time. One that comes behind its time is joined at once. At most the
   * table's history.
   */
  readonly grace: Duration;
}

/**
 * The store in which events wait, and for how long, as parts of the join's node.
 * @throws Failure `topology.bad_grace` (stop)
 */
export function graceBuffer(
  plan: PlanBuilder,
  id: string,
  stream: Handle,
  table: Handle,
  wait: TableGrace,
): { readonly stores: readonly string[]; readonly graceMs: number } {
  const graceMs = durationMs(wait.grace);
  const historyMs = table.historyMs ?? -1;
  if (graceMs < 0 || graceMs > historyMs) {
    const history = historyMs < 0 ? 'has no history' : `has a history of ${historyMs} ms`;
    const message = `step "${id}" has a grace of ${graceMs} ms, and its table ${history}`;
    throw new Failure('topology.bad_grace', 'stop', message, {
      fix: 'take a grace from 0 to the history of the table: what was valid before is not known any more',
    });
  }
  const { key } = stream;
  const value = plan.schemaOf(stream, id);
  const store = plan.addStore({ name: `${id}-buffer`, kind: 'window', key, value, changelog: true });
  return { stores: [store], graceMs };
}
