import { type BrokerTargets, breakBroker } from './broker-fault-runner.ts';
import type { CopierSlot } from './copier-process.ts';
import { runLane } from './fault-lane.ts';
import type { CopierFault, FaultSchedule } from './fault-schedule.ts';

export interface FaultTargets extends BrokerTargets {
  readonly copiers: readonly CopierSlot[];
}

/** Carries out the schedule until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runFaults(
  schedule: FaultSchedule,
  targets: FaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const lanes = [
    runLane(schedule.copiers, targets.clock, signal, (fault) => breakCopier(fault, targets, signal)),
    runLane(schedule.brokers, targets.clock, signal, (fault) => breakBroker(fault, targets, signal)),
  ];
  return (await Promise.all(lanes)).reduce((sum, done) => sum + done, 0);
}

async function breakCopier(
  { kind, copier, forMs }: CopierFault,
  { copiers, clock, say }: FaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const slot = copiers[copier];
  if (slot === undefined) return;
  say(`${kind} ${copier + 1} for ${forMs} ms`);
  if (kind === 'kill copier') {
    await slot.kill();
    await clock.sleep(forMs, signal);
    slot.start();
  } else {
    slot.freeze();
    await clock.sleep(forMs, signal);
    slot.thaw();
  }
}
