import { Failure } from '../../infra/process/failure.ts';

const UNIT_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** A span of time: milliseconds, or a whole number with its unit, such as `'15m'` or `'7d'`. */
export type Duration = number | `${number}${keyof typeof UNIT_MS}`;

const TEXT = /^(-?\d+)(ms|s|m|h|d)$/;

/** @throws Failure `topology.bad_duration` (stop) for a fraction or an unknown unit */
export function durationMs(duration: Duration): number {
  if (typeof duration === 'number' && Number.isSafeInteger(duration)) return duration;
  const match = TEXT.exec(String(duration));
  if (match === null)
    throw new Failure('topology.bad_duration', 'stop', `"${duration}" is not a duration`, {
      fix: "write whole milliseconds, or a whole number with ms, s, m, h or d, such as '15m'",
    });
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}
