import { type BrokerFault, brokerFaultOf } from '../broker-faults.ts';
import { type Planned, type Random, between, pick, planLane, whole } from '../fault-lane.ts';
import { seededRandom } from '../seeded-random.ts';

/** Processor processes, when all run. */
export const PROCESSORS = 3;
/** Milliseconds without a heartbeat after which the group goes on without a processor. */
export const SESSION_TIMEOUT_MS = 6_000;

/** From one that is gone to another that joins: so many run, one after the other. */
const SIZES = [1, 3, 2, 3] as const;
const HOLD_MS = { from: 4_000, to: 10_000 };
/** Longer than the session. */
const FROZEN_MS = { from: SESSION_TIMEOUT_MS + 500, to: 14_000 };
const DOWN_MS = { from: 0, to: 3_000 };
/** Processors have to get somewhere between two faults, or nothing is tested but how they start. */
const PAUSE_MS = { from: 4_000, to: 12_000 };
const SCALE_PAUSE_MS = { from: 2_000, to: 6_000 };

export interface ProcessorFault {
  /** `overtake`: freezes it, and another one under its name takes its place before it wakes up. */
  readonly kind: 'kill' | 'freeze' | 'overtake' | 'cut lines of';
  readonly processor: number;
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

export interface JoinFaultSchedule {
  readonly processors: readonly Planned<ProcessorFault>[];
  readonly scale: readonly Planned<ScaleFault>[];
  readonly brokers: readonly Planned<BrokerFault>[];
}

/** The faults of `seconds` seconds in three lanes; a seed always gives the same ones. */
export function planJoinFaults(seed: number, seconds: number): JoinFaultSchedule {
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  let step = 0;
  const scaleFault = (of: Random): ScaleFault => ({
    kind: 'scale',
    to: SIZES[step++ % SIZES.length] ?? PROCESSORS,
    first: whole(of, PROCESSORS),
    forMs: between(of, HOLD_MS),
  });
  return {
    processors: planLane(seconds, own(), processorFault, PAUSE_MS),
    scale: planLane(seconds, own(), scaleFault, SCALE_PAUSE_MS),
    // The writer's producer beside those of the processors.
    brokers: planLane(seconds, own(), brokerFaultOf(PROCESSORS + 1), PAUSE_MS),
  };
}

function processorFault(random: Random): ProcessorFault {
  const processor = whole(random, PROCESSORS);
  const dice = random();
  if (dice < 0.5) return { kind: 'kill', processor, forMs: between(random, DOWN_MS) };
  if (dice < 0.7) return { kind: 'cut lines of', processor, forMs: 0 };
  return {
    kind: pick(random, ['freeze', 'overtake'] as const),
    processor,
    forMs: between(random, FROZEN_MS),
  };
}

/** The plan for a person, a line for each lane. */
export function planText(schedule: JoinFaultSchedule): string[] {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  const line = <F extends { readonly kind: string; readonly forMs: number }>(
    lane: string,
    planned: readonly Planned<F>[],
    what: (fault: F) => string,
  ): string => {
    const faults = planned.map(
      ({ afterMs, fault }) => `after ${seconds(afterMs)} ${what(fault)} for ${seconds(fault.forMs)}`,
    );
    return `plan of ${lane}: ${faults.join('; ')}`;
  };
  return [
    line('processors', schedule.processors, ({ kind, processor }) => `${kind} ${processor + 1}`),
    line('scale', schedule.scale, ({ to, first }) => `${to} from ${first + 1} on`),
    line('brokers', schedule.brokers, (fault) =>
      'node' in fault ? `${fault.kind} by ${fault.node.by}` : fault.kind,
    ),
  ];
}
