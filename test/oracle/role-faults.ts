import { type Planned, type Random, between, pick, planLane, whole } from '../chaos/fault-lane.ts';
import { seededRandom } from '../chaos/seeded-random.ts';
import { type SourceFaultSchedule, planSourceFaults } from '../chaos/source/source-faults.ts';

/** Milliseconds without a heartbeat after which a group goes on without a member. */
export const SESSION_TIMEOUT_MS = 6_000;

/** Longer than the session. */
const FROZEN_MS = { from: SESSION_TIMEOUT_MS + 500, to: 14_000 };
const DOWN_MS = { from: 0, to: 2_000 };
const PAUSE_MS = { from: 2_000, to: 8_000 };
const SLOW = { forMs: { from: 2_000, to: 8_000 }, delayMs: { from: 20, to: 150 } };
const TARGET_DOWN_MS = { from: 0, to: 2_000 };

/** What happens to processors and sinks. */
export interface RoleFault {
  /** `overtake`: freezes it, and another one under its name takes its place before it wakes up. */
  readonly kind: 'kill' | 'freeze' | 'overtake';
  /** Uniform in [0, 1): which of those that there are. */
  readonly which: number;
  readonly forMs: number;
}

/** What happens between the sinks and their database, and to it. */
export type TargetFault =
  | { readonly kind: 'end sessions' | 'cut lines' | 'deaden lines'; readonly forMs: 0 }
  | { readonly kind: 'slow lines'; readonly forMs: number; readonly delayMs: number }
  | { readonly kind: 'restart'; readonly forMs: number; readonly crash: boolean };

export interface OracleFaults {
  readonly source: SourceFaultSchedule;
  readonly processors: readonly Planned<RoleFault>[];
  readonly sinks: readonly Planned<RoleFault>[];
  readonly target: readonly Planned<TargetFault>[];
}

/** The faults of `seconds` seconds, in lanes side by side; a seed always gives the same ones. */
export function planOracleFaults(seed: number, seconds: number): OracleFaults {
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  return {
    source: planSourceFaults(Math.floor(random() * 2 ** 32), seconds),
    processors: planLane(seconds, own(), roleFault, PAUSE_MS),
    sinks: planLane(seconds, own(), roleFault, PAUSE_MS),
    target: planLane(seconds, own(), targetFault, PAUSE_MS),
  };
}

function roleFault(random: Random): RoleFault {
  const which = random();
  if (random() < 0.6) return { kind: 'kill', which, forMs: between(random, DOWN_MS) };
  return {
    kind: pick(random, ['freeze', 'overtake'] as const),
    which,
    forMs: between(random, FROZEN_MS),
  };
}

function targetFault(random: Random): TargetFault {
  const dice = whole(random, 10);
  if (dice < 3)
    return { kind: 'slow lines', forMs: between(random, SLOW.forMs), delayMs: between(random, SLOW.delayMs) };
  if (dice < 8)
    return { kind: pick(random, ['end sessions', 'cut lines', 'deaden lines'] as const), forMs: 0 };
  return { kind: 'restart', forMs: between(random, TARGET_DOWN_MS), crash: random() < 0.5 };
}

/** The plan for a person, a line for each lane. */
export function planText({ source, processors, sinks, target }: OracleFaults): string[] {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const line = (
    lane: string,
    planned: readonly Planned<{ readonly kind: string; readonly forMs: number }>[],
  ): string => {
    const faults = planned.map(
      ({ afterMs, fault }) =>
        `after ${seconds(afterMs)} ${fault.kind}${fault.forMs === 0 ? '' : ` for ${seconds(fault.forMs)}`}`,
    );
    return `  ${lane}: ${faults.join('; ') || 'nothing'}`;
  };
  return [
    line('source', source.processes),
    line('source database', source.database),
    line('kafka, registry', source.kafka),
    line('processors', processors),
    line('sinks', sinks),
    line('target database', target),
  ];
}
