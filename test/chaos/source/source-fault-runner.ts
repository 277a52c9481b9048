import type { Clock } from '../../../infra/process/clock.ts';
import { runLane } from '../fault-lane.ts';
import { type DatabaseSession, askUntilAnswered } from './database-session.ts';
import type { DatabaseFault, KafkaFault, ProcessFault, SourceFaultSchedule } from './source-faults.ts';
import type { SourceFleet } from './source-fleet.ts';
import type { SourceServers } from './source-servers.ts';

export interface SourceFaultTargets {
  readonly servers: SourceServers;
  readonly fleet: SourceFleet;
  /** A superuser's session, past the relay. */
  readonly session: DatabaseSession;
  readonly slotName: string;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
}

/** Carries out the schedule until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runSourceFaults(
  schedule: SourceFaultSchedule,
  targets: SourceFaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = targets;
  const lanes = [
    runLane(schedule.processes, clock, signal, (fault) => breakProcess(fault, targets, signal)),
    runLane(schedule.database, clock, signal, (fault) => breakDatabase(fault, targets, signal)),
    runLane(schedule.kafka, clock, signal, (fault) => breakKafka(fault, targets, signal)),
  ];
  return (await Promise.all(lanes)).reduce((sum, done) => sum + done, 0);
}

async function breakProcess(
  fault: ProcessFault,
  { fleet, clock, say }: SourceFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const { kind, forMs } = fault;
  if (kind === 'kill source') {
    say(`${kind}, for ${forMs} ms`);
    await fleet.kill();
    await clock.sleep(forMs, signal);
    return fleet.start();
  }
  const { takeoverMs } = fault;
  say(`${kind} for ${forMs} ms${takeoverMs === null ? '' : `, another is started after ${takeoverMs} ms`}`);
  const thaw = fleet.freeze();
  await clock.sleep(takeoverMs ?? forMs, signal);
  if (takeoverMs !== null) {
    fleet.start();
    await clock.sleep(forMs - takeoverMs, signal);
  }
  thaw();
}

async function breakDatabase(
  fault: DatabaseFault,
  { servers, session, slotName, clock, say }: SourceFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  say(databaseFaultText(fault));
  const end = (from: string, what: string): Promise<unknown> =>
    askUntilAnswered(session, clock, `SELECT pg_terminate_backend(${what}) FROM ${from}`, signal);
  switch (fault.kind) {
    case 'end walsender':
      await end(`pg_replication_slots WHERE slot_name = '${slotName}' AND active`, 'active_pid');
      return;
    case 'end sessions':
      await end(
        `pg_stat_activity WHERE application_name LIKE 'millrace-%' AND backend_type = 'client backend'`,
        'pid',
      );
      return;
    case 'cut lines':
      return servers.relay.cut();
    case 'deaden lines':
      return servers.relay.deaden();
    case 'slow lines':
      servers.relay.delayMs = fault.delayMs;
      await clock.sleep(fault.forMs, signal);
      servers.relay.delayMs = 0;
      return;
    case 'restart postgres':
      await servers.postgres.stop(fault.crash ? 'SIGQUIT' : 'SIGINT');
      await clock.sleep(fault.forMs, signal);
      return servers.postgres.start();
  }
}

function databaseFaultText(fault: DatabaseFault): string {
  if (fault.kind === 'slow lines') return `${fault.kind} for ${fault.forMs} ms, by ${fault.delayMs} ms`;
  return fault.kind === 'restart postgres' && fault.crash ? 'crash postgres' : fault.kind;
}

async function breakKafka(
  { kind, forMs, ...fault }: KafkaFault,
  { servers, clock, say }: SourceFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const { cluster, registry } = servers;
  say(`${kind}${'node' in fault ? ` ${fault.node}` : ''} for ${forMs} ms`);
  const later = (): Promise<void> => clock.sleep(forMs, signal);
  if (kind === 'freeze registry') {
    registry.freeze();
    await later();
    return registry.thaw();
  }
  const nodes = 'node' in fault ? [cluster.node(fault.node)] : cluster.nodes;
  if (kind === 'freeze kafka' || kind === 'freeze broker') {
    for (const node of nodes) await node.pause();
    await later();
    for (const node of nodes) await node.resume();
    return;
  }
  for (const node of nodes) {
    await (kind === 'kill broker' ? node.kill() : node.stop());
    await later();
    await node.start();
  }
}
