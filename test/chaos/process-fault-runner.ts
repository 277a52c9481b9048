import type { Clock } from '../../infra/process/clock.ts';
import type { ProcessFault, ScaleFault } from './process-faults.ts';
import type { ProcessFleet } from './process-fleet.ts';

export interface ProcessTargets {
  readonly fleet: ProcessFleet;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Breaks a process and mends it. */
export async function breakProcess(
  { kind, slot, forMs }: ProcessFault,
  { fleet, clock, say }: ProcessTargets,
  signal: AbortSignal,
): Promise<void> {
  say(`${kind} ${fleet.nameOf(slot)} for ${forMs} ms`);
  if (kind === 'cut lines of') return fleet.cut(slot);
  if (kind === 'kill') {
    await fleet.kill(slot);
    await clock.sleep(forMs, signal);
    return fleet.revive(slot);
  }
  const thaw = kind === 'freeze' ? fleet.freeze(slot) : fleet.overtake(slot);
  await clock.sleep(forMs, signal);
  return thaw();
}

export async function scale(
  { to, first, forMs }: ScaleFault,
  { fleet, clock, say }: ProcessTargets,
  signal: AbortSignal,
): Promise<void> {
  say(`scale to ${to}, from ${fleet.nameOf(first)} on, for ${forMs} ms`);
  await fleet.scale(to, first);
  await clock.sleep(forMs, signal);
}
