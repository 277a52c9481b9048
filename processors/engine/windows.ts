import { Failure } from '../../infra/process/failure.ts';
import { type Duration, durationMs } from './duration.ts';
import type { PlanWindow } from './plan/plan.ts';

/** A record that came after a window of its own had closed: left out of it and counted, and shown to the hook. */
export interface LateForWindow {
  readonly key: unknown;
  readonly value: unknown;
  /** Event time, milliseconds. */
  readonly time: number;
  /** Highest event time that the step has seen, milliseconds. */
  readonly streamTime: number;
  /** Of the window that had closed, milliseconds. */
  readonly windowStart: number;
  readonly windowEnd: number;
}

/** Windows that lie side by side: [n · size, (n + 1) · size). */
export interface TumblingWindow {
  readonly tumbling: Duration;
}

/** Windows of one size that begin at every multiple of `advance`, and overlap where that is less than the size. */
export interface HoppingWindow {
  readonly hopping: Duration;
  readonly advance: Duration;
}

/** A window for each set of events that lie within the duration of one another; both ends are in it. */
export interface SlidingWindow {
  readonly sliding: Duration;
}

/** Events of a key with no more than the gap between one and the next. */
export interface SessionWindow {
  readonly session: Duration;
}

export type FixedWindow = TumblingWindow | HoppingWindow | SlidingWindow;

export interface WindowOptions {
  /** How far behind the highest event time an event may come and still count. There is no default. */
  readonly grace: Duration;
  readonly onLate?: (late: LateForWindow) => void;
}

/** A window as the plan has it. @throws Failure `topology.bad_window` (stop) */
export function planWindow(step: string, window: FixedWindow | SessionWindow, grace: Duration): PlanWindow {
  const graceMs = durationMs(grace);
  const planned = { ...boundsOf(window), graceMs };
  const { sizeMs, advanceMs } = planned;
  const least = planned.type === 'sliding' ? 0 : 1;
  if (sizeMs >= least && advanceMs >= 1 && advanceMs <= Math.max(sizeMs, 1) && graceMs >= 0) return planned;
  throw new Failure(
    'topology.bad_window',
    'stop',
    `the ${planned.type} window of "${step}" cannot be: size ${sizeMs} ms, advance ${advanceMs} ms, grace ${graceMs} ms`,
    { fix: 'the size is at least 1 ms, the advance at least 1 ms and at most the size, grace at least 0' },
  );
}

function boundsOf(window: FixedWindow | SessionWindow): Omit<PlanWindow, 'graceMs'> {
  if ('tumbling' in window) {
    const sizeMs = durationMs(window.tumbling);
    return { type: 'tumbling', sizeMs, advanceMs: Math.max(1, sizeMs) };
  }
  if ('hopping' in window)
    return { type: 'hopping', sizeMs: durationMs(window.hopping), advanceMs: durationMs(window.advance) };
  if ('sliding' in window) return { type: 'sliding', sizeMs: durationMs(window.sliding), advanceMs: 1 };
  return { type: 'session', sizeMs: durationMs(window.session), advanceMs: 1 };
}
