import { type Clock, hasPassed } from '../infra/process/clock.ts';
import type { Log } from '../infra/process/log.ts';
import type { LateRecord } from './engine/join-window.ts';

/** Milliseconds between two lines: a burst of late records must not fill the log. */
const LINE_INTERVAL_MS = 10_000;

/**
 * A hook for late records that tells them to a log: the first at once, then at most one line in ten seconds, with how
 * many came since the last line. Never a value: sides and times only.
 */
export function lateLog(log: Log, clock: Clock): (late: LateRecord) => void {
  let toldAt: number | null = null;
  let count = 0;
  return ({ side, time, streamTime }) => {
    count++;
    const now = clock.now();
    if (toldAt !== null && !hasPassed(now, toldAt, LINE_INTERVAL_MS)) return;
    log.warn({ side, time, streamTime, count }, 'records came after their windows had closed');
    toldAt = now;
    count = 0;
  };
}
