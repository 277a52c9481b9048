import type { Share } from './standing.ts';

/** Of one run: a rebuild that was interrupted goes on where it was, which is not this run's speed. */
export interface FillPace {
  readonly startedMs: number;
  readonly doneAtStart: number;
}

/** `1,200 of 4,000 offsets (30 %), 600 records a second, 12 s left`. */
export function fillText(share: Share, records: number, pace: FillPace, nowMs: number): string {
  const seconds = (nowMs - pace.startedMs) / 1_000;
  const percent = share.total === 0 ? 100 : Math.floor((100 * share.done) / share.total);
  const parts = [`${grouped(share.done)} of ${grouped(share.total)} offsets (${percent} %)`];
  if (seconds > 0) {
    parts.push(`${grouped(Math.round(records / seconds))} records a second`);
    const rate = (share.done - pace.doneAtStart) / seconds;
    if (rate > 0) parts.push(`${timeText((share.total - share.done) / rate)} left`);
  }
  return parts.join(', ');
}

function grouped(value: number): string {
  return value.toLocaleString('en-US');
}

const MINUTE_S = 60;
const HOUR_S = 3_600;

function timeText(seconds: number): string {
  if (seconds < 2 * MINUTE_S) return `${Math.ceil(seconds)} s`;
  if (seconds < 2 * HOUR_S) return `${Math.ceil(seconds / MINUTE_S)} min`;
  return `${Math.ceil(seconds / HOUR_S)} h`;
}
