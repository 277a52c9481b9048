import { type BrokerTargets, breakBroker } from '../broker-fault-runner.ts';
import { runLane } from '../fault-lane.ts';
import { type ProcessTargets, breakProcess, scale } from '../process-fault-runner.ts';
import type { JoinFaultSchedule } from './join-faults.ts';

export type JoinFaultTargets = BrokerTargets & ProcessTargets;

/** Carries out the schedule until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runJoinFaults(
  schedule: JoinFaultSchedule,
  targets: JoinFaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = targets;
  const lanes = [
    runLane(schedule.processors, clock, signal, (fault) => breakProcess(fault, targets, signal)),
    runLane(schedule.scale, clock, signal, (fault) => scale(fault, targets, signal)),
    runLane(schedule.brokers, clock, signal, (fault) => breakBroker(fault, targets, signal)),
  ];
  return (await Promise.all(lanes)).reduce((sum, done) => sum + done, 0);
}
