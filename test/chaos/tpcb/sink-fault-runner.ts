import type { Client } from 'pg';
import type { Clock } from '../../../infra/process/clock.ts';
import { untilNothing } from '../copy-progress.ts';
import { runLane } from '../fault-lane.ts';
import type { SinkFleet } from './sink-fleet.ts';
import { type SinkFault, type SinkLane, faultText } from './tpcb-faults.ts';

/** Another instance needs to start, and to be given the partitions, on a machine that others use too. */
const TAKEOVER_MAX_MS = 30_000;

export interface SinkFaultTargets {
  /** By name of the sink. */
  readonly fleets: ReadonlyMap<string, SinkFleet>;
  /** A session of their own with the target. */
  readonly target: Client;
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
  { fleets, target, clock, say }: SinkFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const fleet = fleets.get(fault.sink);
  if (fleet === undefined) return;
  say(faultText(fault));
  const before = await claimsOf(target, fault.sink);
  const mend = await begin(fleet, fault);
  await clock.sleep(fault.forMs, signal);
  const isTakenOver = async (): Promise<string | null> =>
    signal.aborted || (await claimsOf(target, fault.sink)) > before ? null : 'nobody has taken over';
  // What sleeps until then finds when it wakes up that its place is taken.
  if (fault.kind === 'replace' || (fault.kind === 'pause' && fleet.isDoubled))
    await untilNothing(clock, TAKEOVER_MAX_MS, isTakenOver);
  await mend();
}

/** Grows whenever an instance takes partitions. */
async function claimsOf(target: Client, sink: string): Promise<number> {
  const { rows } = await target.query<{ claims: number }>(
    'SELECT coalesce(sum(epoch), 0)::int AS claims FROM millrace.sink_offsets WHERE sink = $1',
    [sink],
  );
  return rows[0]?.claims ?? 0;
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
