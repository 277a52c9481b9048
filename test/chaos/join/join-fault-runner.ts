import type { Clock } from '../../../infra/process/clock.ts';
import { type BrokerTargets, breakBroker } from '../broker-fault-runner.ts';
import { runLane } from '../fault-lane.ts';
import type { JoinFaultSchedule, ProcessorFault, ScaleFault } from './join-faults.ts';
import type { JoinFleet } from './join-fleet.ts';

export interface JoinFaultTargets extends BrokerTargets {
  readonly fleet: JoinFleet;
  readonly clock: Clock;
}

/** Carries out the schedule until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runJoinFaults(
  schedule: JoinFaultSchedule,
  targets: JoinFaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = targets;
  const lanes = [
    runLane(schedule.processors, clock, signal, (fault) => breakProcessor(fault, targets, signal)),
    runLane(schedule.scale, clock, signal, (fault) => scale(fault, targets, signal)),
    runLane(schedule.brokers, clock, signal, (fault) => breakBroker(fault, targets, signal)),
  ];
  return (await Promise.all(lanes)).reduce((sum, done) => sum + done, 0);
}

async function breakProcessor(
  { kind, processor, forMs }: ProcessorFault,
  { fleet, clock, say }: JoinFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  say(`${kind} processor ${processor + 1} for ${forMs} ms`);
  if (kind === 'cut lines of') return fleet.cut(processor);
  if (kind === 'kill') {
    await fleet.kill(processor);
    await clock.sleep(forMs, signal);
    return fleet.revive(processor);
  }
  const thaw = kind === 'freeze' ? fleet.freeze(processor) : fleet.overtake(processor);
  await clock.sleep(forMs, signal);
  return thaw();
}

async function scale(
  { to, first, forMs }: ScaleFault,
  { fleet, clock, say }: JoinFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  say(`scale to ${to}, from processor ${first + 1} on, for ${forMs} ms`);
  await fleet.scale(to, first);
  await clock.sleep(forMs, signal);
}
