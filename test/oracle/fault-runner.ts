import type { Clock } from '../../infra/process/clock.ts';
import { runLane } from '../chaos/fault-lane.ts';
import { type DatabaseSession, askUntilAnswered } from '../chaos/source/database-session.ts';
import { type SourceFaultTargets, runSourceFaults } from '../chaos/source/source-fault-runner.ts';
import type { OracleServers } from './oracle-servers.ts';
import type { OracleFaults, RoleFault, TargetFault } from './role-faults.ts';
import type { RoleFleet } from './role-fleet.ts';

export interface FaultTargets {
  readonly servers: OracleServers;
  readonly source: SourceFaultTargets;
  readonly processors: RoleFleet;
  readonly sinks: RoleFleet;
  /** A superuser's session in the target, past the relay. */
  readonly target: DatabaseSession;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Carries out the plan until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runOracleFaults(
  plan: OracleFaults,
  targets: FaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = targets;
  const role = (fleet: RoleFleet) => (fault: RoleFault) => breakRole(fault, fleet, targets, signal);
  const done = await Promise.all([
    runSourceFaults(plan.source, targets.source, signal),
    runLane(plan.processors, clock, signal, role(targets.processors)),
    runLane(plan.sinks, clock, signal, role(targets.sinks)),
    runLane(plan.target, clock, signal, (fault) => breakTarget(fault, targets, signal)),
  ]);
  return done.reduce((sum, each) => sum + each, 0);
}

async function breakRole(
  { kind, which, forMs }: RoleFault,
  fleet: RoleFleet,
  { clock, say }: FaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const { name, slot } = fleet.choose(which);
  say(`${kind} ${name} for ${forMs} ms`);
  if (kind === 'kill') {
    await slot.kill();
    await clock.sleep(forMs, signal);
    return slot.start();
  }
  const thaw = kind === 'overtake' ? slot.overtake() : () => slot.thaw();
  if (kind === 'freeze') slot.freeze();
  await clock.sleep(forMs, signal);
  return thaw();
}

async function breakTarget(
  fault: TargetFault,
  { servers, target, clock, say }: FaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const { targetRelay } = servers;
  say(`target: ${fault.kind}${fault.kind === 'restart' && fault.crash ? ' after a crash' : ''}`);
  switch (fault.kind) {
    case 'end sessions':
      await askUntilAnswered(
        target,
        clock,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'millrace-sink%'`,
        signal,
      );
      return;
    case 'cut lines':
      return targetRelay.cut();
    case 'deaden lines':
      return targetRelay.deaden();
    case 'slow lines':
      targetRelay.delayMs = fault.delayMs;
      await clock.sleep(fault.forMs, signal);
      targetRelay.delayMs = 0;
      return;
    case 'restart':
      await servers.target.stop(fault.crash ? 'SIGQUIT' : 'SIGINT');
      await clock.sleep(fault.forMs, signal);
      return servers.target.start();
  }
}
