import { Failure } from '../../infra/process/failure.ts';
import { type Duration, durationMs } from './duration.ts';

/** A record that came after its window had closed: dropped and counted, and shown to the hook. */
export interface LateRecord {
  readonly side: 'left' | 'right';
  readonly key: unknown;
  readonly value: unknown;
  /** Event time, milliseconds. */
  readonly time: number;
  /** Highest event time that the join has seen, milliseconds. */
  readonly streamTime: number;
}

/** Left at time l meets right at time r when `l - before <= r <= l + after`, both ends included. */
export interface JoinWindow {
  /** One duration stands for both. Either may be negative as long as their sum is not. */
  readonly within: Duration | { readonly before: Duration; readonly after: Duration };
  /** How far behind the highest event time a record may come and still count. There is no default. */
  readonly grace: Duration;
  readonly onLate?: (late: LateRecord) => void;
}

/** The window in milliseconds. @throws Failure `topology.bad_window` (stop) */
export function windowBounds(
  id: string,
  window: JoinWindow,
): { beforeMs: number; afterMs: number; graceMs: number } {
  const { within } = window;
  const both = typeof within === 'object' ? within : { before: within, after: within };
  const beforeMs = durationMs(both.before);
  const afterMs = durationMs(both.after);
  const graceMs = durationMs(window.grace);
  if (beforeMs + afterMs < 0 || graceMs < 0)
    throw new Failure(
      'topology.bad_window',
      'stop',
      `the window of "${id}" is empty: before ${beforeMs} ms, after ${afterMs} ms, grace ${graceMs} ms`,
      { fix: 'before + after and grace must not be negative' },
    );
  return { beforeMs, afterMs, graceMs };
}
