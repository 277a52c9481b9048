import type { Clock } from '../../infra/process/clock.ts';

export type Random = () => number;

/** One fault after a pause. Faults of one lane follow each other, lanes run side by side. */
export interface Planned<F> {
  readonly afterMs: number;
  readonly fault: F;
}

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** Between the end of one fault and the next, in one lane. */
const PAUSE_MS: Range = { from: 500, to: 3_000 };

/** Faults of `seconds` seconds, as `next` makes them up. */
export function planLane<F extends { readonly forMs: number }>(
  seconds: number,
  random: Random,
  next: (random: Random) => F,
  pauseMs: Range = PAUSE_MS,
): Planned<F>[] {
  const planned: Planned<F>[] = [];
  for (let at = 0; ;) {
    const afterMs = between(random, pauseMs);
    const fault = next(random);
    at += afterMs + fault.forMs;
    if (at > seconds * 1_000) return planned;
    planned.push({ afterMs, fault });
  }
}

/** Carries out a lane until the signal aborts. @returns how many faults */
export async function runLane<F>(
  planned: readonly Planned<F>[],
  clock: Clock,
  signal: AbortSignal,
  carryOut: (fault: F) => Promise<void>,
): Promise<number> {
  let done = 0;
  for (const { afterMs, fault } of planned) {
    await clock.sleep(afterMs, signal);
    if (signal.aborted) break;
    await carryOut(fault);
    done++;
  }
  return done;
}

/** A lane's plan for a person, in a line. */
export function laneText<F extends { readonly forMs: number }>(
  lane: string,
  planned: readonly Planned<F>[],
  what: (fault: F) => string,
): string {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const faults = planned.map(
    ({ afterMs, fault }) => `after ${seconds(afterMs)} ${what(fault)} for ${seconds(fault.forMs)}`,
  );
  return `plan of ${lane}: ${faults.join('; ')}`;
}

export const whole = (random: Random, below: number): number => Math.floor(random() * below);

export const between = (random: Random, { from, to }: Range): number =>
  Math.round(from + random() * (to - from));

/** One of them. */
export function pick<T>(random: Random, items: readonly T[]): T {
  const item = items[whole(random, items.length)];
  if (item === undefined) throw new Error('nothing to choose from');
  return item;
}
