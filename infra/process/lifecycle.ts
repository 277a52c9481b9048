import { Failure, describe } from './failure.ts';
import type { Log } from './log.ts';

/** Exit codes: 0 drained, 1 failed, 2 bad configuration, 143/130 killed by a second signal while draining. */
export const EXIT = { ok: 0, failed: 1, config: 2, sigint: 130, sigterm: 143 } as const;

/**
 * Runs one role until SIGTERM or SIGINT, then lets it drain. `run` must return soon after `signal` aborts.
 * A second signal kills at once. Sets the exit code; the process ends when nothing is left to do.
 */
export async function runUntilSignal(log: Log, run: (signal: AbortSignal) => Promise<void>): Promise<void> {
  const stop = new AbortController();
  const onSignal = (name: 'SIGTERM' | 'SIGINT'): void => {
    if (stop.signal.aborted) process.exit(name === 'SIGINT' ? EXIT.sigint : EXIT.sigterm);
    log.info({ signal: name }, 'draining');
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await run(stop.signal);
    process.exitCode = EXIT.ok;
    log.info({}, 'drained');
  } catch (error) {
    process.exitCode = exitCodeFor(error);
    log.error({ err: error, code: error instanceof Failure ? error.code : undefined }, describe(error));
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

function exitCodeFor(error: unknown): number {
  return error instanceof Failure && error.code.startsWith('config.') ? EXIT.config : EXIT.failed;
}
