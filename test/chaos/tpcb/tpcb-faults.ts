import { type Planned, type Random, between, pick, planLane } from '../fault-lane.ts';
import { seededRandom } from '../seeded-random.ts';
import { MIRRORS } from './mirror.ts';

/** Milliseconds without a heartbeat after which the group goes on without a sink. */
export const SESSION_TIMEOUT_MS = 6_000;

/** Longer than the session. */
const PAUSED_MS = { from: SESSION_TIMEOUT_MS + 500, to: 12_000 };
const DOWN_MS = { from: 0, to: 3_000 };
const DOUBLED_MS = { from: 3_000, to: 15_000 };
/** Readers have to get somewhere between two faults, or they only wait. */
const PAUSE_MS = { from: 3_000, to: 10_000 };

export interface SinkFault {
  /**
   * `pause`: it sleeps past its session. `replace`: another one under its name takes its place meanwhile. `double`: a
   * second instance joins, and leaves.
   */
  readonly kind: 'kill' | 'pause' | 'replace' | 'double';
  /** Name of the sink. */
  readonly sink: string;
  /** The second instance, where there is one. */
  readonly second: boolean;
  readonly forMs: number;
}

/** Faults of one lane follow each other; lanes run side by side. */
export type SinkLane = readonly Planned<SinkFault>[];

/** The faults of `seconds` seconds, two lanes for each sink; a seed always gives the same ones. */
export function planSinkFaults(seed: number, seconds: number): readonly SinkLane[] {
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  return MIRRORS.flatMap(({ name: sink }) => [
    planLane(seconds, own(), (of) => processFault(of, sink), PAUSE_MS),
    planLane(seconds, own(), (of) => doubleFault(of, sink), PAUSE_MS),
  ]);
}

function processFault(random: Random, sink: string): SinkFault {
  const second = random() < 0.4;
  if (random() < 0.5) return { kind: 'kill', sink, second, forMs: between(random, DOWN_MS) };
  const kind = pick(random, ['pause', 'replace'] as const);
  return { kind, sink, second: second && kind === 'pause', forMs: between(random, PAUSED_MS) };
}

function doubleFault(random: Random, sink: string): SinkFault {
  return { kind: 'double', sink, second: true, forMs: between(random, DOUBLED_MS) };
}

/** The plan for a person, a line for each lane. */
export function planText(lanes: readonly SinkLane[]): string[] {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  return lanes.map((lane) => {
    const faults = lane.map(({ afterMs, fault }) => `after ${seconds(afterMs)} ${faultText(fault)}`);
    return `plan: ${faults.join('; ')}`;
  });
}

export function faultText({ kind, sink, second, forMs }: SinkFault): string {
  const whom = kind === 'double' ? sink : `the ${second ? 'second' : 'first'} of ${sink}`;
  return `${kind} ${whom} for ${(forMs / 1_000).toFixed(1)} s`;
}
