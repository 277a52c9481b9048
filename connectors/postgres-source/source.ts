import { type BackoffPolicy, backoffMs } from '../../infra/process/backoff.ts';
import { describe, orderFor } from '../../infra/process/failure.ts';
import { runSession } from './session.ts';
import { SlotMonitor } from './watch/slot-monitor.ts';
import type { SourceContext, SourceOptions } from './source-context.ts';

const RECONNECT: BackoffPolicy = { initialMs: 100, maxMs: 5_000, attemptsMax: Number.POSITIVE_INFINITY };
/** A session that has lasted this long starts the backoff anew. */
const STABLE_MS = 30_000;

/**
 * Reads the WAL into Kafka until `signal` aborts, then drains. A session that is lost is begun again from the position
 * in Kafka; being fenced ends it for good: another instance reads the slot now.
 * @throws whatever the policy table does not order to try again
 */
export async function runSource(
  options: SourceOptions,
  context: SourceContext,
  signal: AbortSignal,
): Promise<void> {
  const { clock, random, log, metrics } = context;
  await using _monitor = SlotMonitor.start({ ...options, ...context, metrics: metrics.slot });
  for (let attempt = 0; !signal.aborted; attempt++) {
    const startedMs = clock.now();
    try {
      await runSession(options, context, signal);
    } catch (error) {
      const order = orderFor(error);
      if (signal.aborted || (order !== 'retry' && order !== 'restart')) throw error;
      if (clock.now() - startedMs > STABLE_MS) attempt = 0;
      const waitMs = backoffMs(RECONNECT, attempt, random);
      metrics.phase = describe(error);
      log.warn({ order, attempt, waitMs: Math.round(waitMs) }, `starting again: ${describe(error)}`);
      await clock.sleep(waitMs, signal);
    }
  }
}
