import type { Clock } from './clock.ts';
import { orderFor } from './failure.ts';

export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  /** Tries in all, the first included. */
  readonly attemptsMax: number;
}

/** Full jitter over an exponential ceiling, so that many instances do not knock at once. */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: () => number): number {
  const ceiling = Math.min(policy.maxMs, policy.initialMs * 2 ** attempt);
  return ceiling / 2 + (random() * ceiling) / 2;
}

interface RetryContext {
  readonly clock: Clock;
  readonly random: () => number;
  readonly signal?: AbortSignal;
  readonly onRetry?: (error: unknown, attempt: number, waitMs: number) => void;
}

/**
 * Runs `step` until it succeeds, as long as the policy table orders `retry`.
 * @throws the last error: one with another order, or the one that used up the attempts.
 */
export async function retry<T>(
  policy: BackoffPolicy,
  context: RetryContext,
  step: () => Promise<T>,
): Promise<T> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await step();
    } catch (error) {
      const last = attempt + 1 >= policy.attemptsMax;
      if (last || context.signal?.aborted || orderFor(error) !== 'retry') throw error;
      const waitMs = backoffMs(policy, attempt, context.random);
      context.onRetry?.(error, attempt + 1, waitMs);
      await context.clock.sleep(waitMs, context.signal);
    }
  }
}
