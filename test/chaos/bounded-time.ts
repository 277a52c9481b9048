import type { Clock } from '../../infra/process/clock.ts';

/**
 * A time that is over when it has passed, when `signal` aborts, or when it is disposed. Not `AbortSignal.any` with
 * `AbortSignal.timeout`: one that nothing else holds is collected, and never aborts.
 */
export function bounded(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
): Disposable & { readonly signal: AbortSignal } {
  const over = new AbortController();
  const end = (): void => over.abort();
  signal.addEventListener('abort', end, { signal: over.signal });
  if (signal.aborted) end();
  void clock.sleep(ms, over.signal).then(end);
  return { signal: over.signal, [Symbol.dispose]: end };
}
