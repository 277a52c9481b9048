import { type BrokerFault, brokerFaultOf } from '../broker-faults.ts';
import { type Planned, type Random, laneText, planLane } from '../fault-lane.ts';
import { type ProcessFault, type ScaleFault, processFaultOf, scaleFaultOf } from '../process-faults.ts';
import { seededRandom } from '../seeded-random.ts';

/** Processor processes, when all run. */
export const PROCESSORS = 3;
/** Milliseconds without a heartbeat after which the group goes on without a processor. */
export const SESSION_TIMEOUT_MS = 6_000;

/** Longer than the session. */
const FROZEN_MS = { from: SESSION_TIMEOUT_MS + 500, to: 14_000 };
/** Processors have to get somewhere between two faults, or nothing is tested but how they start. */
const PAUSE_MS = { from: 4_000, to: 12_000 };
const SCALE_PAUSE_MS = { from: 2_000, to: 6_000 };

export interface JoinFaultSchedule {
  readonly processors: readonly Planned<ProcessFault>[];
  readonly scale: readonly Planned<ScaleFault>[];
  readonly brokers: readonly Planned<BrokerFault>[];
}

/** The faults of `seconds` seconds in three lanes; a seed always gives the same ones. */
export function planJoinFaults(seed: number, seconds: number): JoinFaultSchedule {
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  return {
    processors: planLane(seconds, own(), processFaultOf(PROCESSORS, FROZEN_MS), PAUSE_MS),
    scale: planLane(seconds, own(), scaleFaultOf(PROCESSORS), SCALE_PAUSE_MS),
    // The writer's producer beside those of the processors.
    brokers: planLane(seconds, own(), brokerFaultOf(PROCESSORS + 1), PAUSE_MS),
  };
}

/** The plan for a person, a line for each lane. */
export function planText(schedule: JoinFaultSchedule): string[] {
  return [
    laneText('processors', schedule.processors, ({ kind, slot }) => `${kind} ${slot + 1}`),
    laneText('scale', schedule.scale, ({ to, first }) => `${to} from ${first + 1} on`),
    laneText('brokers', schedule.brokers, (fault) =>
      'node' in fault ? `${fault.kind} by ${fault.node.by}` : fault.kind,
    ),
  ];
}
