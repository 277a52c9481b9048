import { type Random, type Range, between, pick, whole } from './fault-lane.ts';

/** From one that is gone to another that joins: so many run, one after the other. */
const SIZES = [1, 3, 2, 3] as const;
const HOLD_MS = { from: 4_000, to: 10_000 };
const DOWN_MS = { from: 0, to: 3_000 };

export interface ProcessFault {
  /** `overtake`: freezes it, and another one under its name takes its place before it wakes up. */
  readonly kind: 'kill' | 'freeze' | 'overtake' | 'cut lines of';
  /** Its place, from 0. */
  readonly slot: number;
  readonly forMs: number;
}

export interface ScaleFault {
  readonly kind: 'scale';
  readonly to: number;
  /** The first of those that run; the others follow it in a ring. */
  readonly first: number;
  /** How long it stays so. */
  readonly forMs: number;
}

/** What may happen to a process of a group of so many. */
export function processFaultOf(processes: number, frozenMs: Range): (random: Random) => ProcessFault {
  return (random) => {
    const slot = whole(random, processes);
    const dice = random();
    if (dice < 0.5) return { kind: 'kill', slot, forMs: between(random, DOWN_MS) };
    if (dice < 0.7) return { kind: 'cut lines of', slot, forMs: 0 };
    const kind = pick(random, ['freeze', 'overtake'] as const);
    return { kind, slot, forMs: between(random, frozenMs) };
  };
}

/** How a group of so many is scaled, step by step. */
export function scaleFaultOf(processes: number): (random: Random) => ScaleFault {
  let step = 0;
  return (random) => ({
    kind: 'scale',
    to: SIZES[step++ % SIZES.length] ?? processes,
    first: whole(random, processes),
    forMs: between(random, HOLD_MS),
  });
}
