import type { Clock } from '../../../infra/process/clock.ts';
import { runLane } from '../fault-lane.ts';
import type { SinkFleet } from './sink-fleet.ts';
import { type SinkFault, type SinkLane, faultText } from './tpcb-faults.ts';

export interface SinkFaultTargets {
  /** By name of the sink. */
  readonly fleets: ReadonlyMap<string, SinkFleet>;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Carries out the lanes until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runSinkFaults(
  lanes: readonly SinkLane[],
  targets: SinkFaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const carryOut = (fault: SinkFault): Promise<void> => breakSink(fault, targets, signal);
  const done = await Promise.all(lanes.map((lane) => runLane(lane, targets.clock, signal, carryOut)));
  return done.reduce((sum, faults) => sum + faults, 0);
}

async function breakSink(
  fault: SinkFault,
  { fleets, clock, say }: SinkFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const fleet = fleets.get(fault.sink);
  if (fleet === undefined) return;
  say(faultText(fault));
  const mend = await begin(fleet, fault);
  await clock.sleep(fault.forMs, signal);
  await mend();
}

/** @returns what ends the fault */
async function begin(fleet: SinkFleet, { kind, second }: SinkFault): Promise<() => void | Promise<void>> {
  switch (kind) {
    case 'kill':
      return fleet.kill(second);
    case 'pause':
      return fleet.pause(second);
    case 'replace':
      return fleet.replace();
    case 'double':
      fleet.double();
      return () => fleet.undouble();
  }
}
