import { describe } from '../../../infra/process/failure.ts';
import type { PostgresRelay } from '../../connectors/postgres-source/postgres-relay.ts';
import { bounded } from '../bounded-time.ts';
import { type BrokerTargets, breakBroker } from '../broker-fault-runner.ts';
import { runLane } from '../fault-lane.ts';
import { type ProcessTargets, breakProcess, scale } from '../process-fault-runner.ts';
import { type DatabaseSession, askUntilAnswered, databaseSession } from '../source/database-session.ts';
import type { RestartablePostgres } from '../source/restartable-postgres.ts';
import { breakAt } from './broken-line.ts';
import {
  MOMENT_MAX_MS,
  type TransactionFault,
  type DatabaseFault,
  type LineFault,
  type SinkFaultSchedule,
  databaseFaultText,
  lineFaultText,
} from './sink-faults.ts';

/** A table that is in use all the time is not locked. */
const LOCK_WAIT_MAX = '5s';

export interface SinkFaultTargets extends BrokerTargets, ProcessTargets {
  readonly clock: BrokerTargets['clock'];
  readonly say: BrokerTargets['say'];
  readonly postgres: RestartablePostgres;
  /** Each sink's way to Postgres. */
  readonly relays: readonly PostgresRelay[];
  /** A superuser's, past the relays. */
  readonly url: string;
  readonly session: DatabaseSession;
}

/** Carries out the schedule until the signal aborts; what it broke is mended when it resolves. @returns how many faults */
export async function runSinkFaults(
  schedule: SinkFaultSchedule,
  targets: SinkFaultTargets,
  signal: AbortSignal,
): Promise<number> {
  const { clock } = targets;
  const lanes = [
    runLane(schedule.processes, clock, signal, (fault) => breakProcess(fault, targets, signal)),
    runLane(schedule.scale, clock, signal, (fault) => scale(fault, targets, signal)),
    runLane(schedule.lines, clock, signal, (fault) => breakLine(fault, targets, signal)),
    runLane(schedule.database, clock, signal, (fault) => breakDatabase(fault, targets, signal)),
    runLane(schedule.brokers, clock, signal, (fault) => breakBroker(fault, targets, signal)),
  ];
  return (await Promise.all(lanes)).reduce((sum, done) => sum + done, 0);
}

async function breakLine(planned: LineFault, targets: SinkFaultTargets, signal: AbortSignal): Promise<void> {
  const { relays, fleet, clock, say } = targets;
  const fault = { ...planned, slot: fleet.nextWanted(planned.slot) };
  const relay = relays[fault.slot];
  if (relay === undefined) return;
  if ('moment' in fault) return breakTransaction(fault, relay, targets, signal);
  say(`${lineFaultText(fault)} for ${fault.forMs} ms`);
  if (fault.kind === 'cut line') return relay.cut();
  relay.delayMs = fault.delayMs;
  await clock.sleep(fault.forMs, signal);
  relay.delayMs = 0;
}

async function breakTransaction(
  fault: TransactionFault,
  relay: PostgresRelay,
  { fleet, clock, say }: SinkFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const { kind, slot, moment, forMs } = fault;
  let mend = (): void => undefined;
  const strike = (): boolean => {
    switch (kind) {
      case 'cut':
        relay.cut();
        return false;
      case 'deaden':
        relay.deaden();
        return false;
      case 'hold':
        relay.delayMs = forMs;
        mend = () => void (relay.delayMs = 0);
        return true;
      case 'freeze': {
        const thaw = fleet.freeze(slot);
        if (moment === 'before BEGIN') relay.delayMs = forMs;
        mend = () => {
          relay.delayMs = 0;
          thaw();
        };
        return true;
      }
    }
  };
  using patience = bounded(clock, MOMENT_MAX_MS, signal);
  const isMet = await breakAt(relay, moment, strike, patience.signal);
  if (!isMet) return say(`${lineFaultText(fault)}: none came by`);
  const lasts = kind === 'hold' || kind === 'freeze';
  say(`${lineFaultText(fault)}${lasts ? ` for ${forMs} ms` : ''}`);
  if (lasts) await clock.sleep(forMs, signal);
  mend();
}

async function breakDatabase(
  fault: DatabaseFault,
  targets: SinkFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  const { postgres, session, clock, say } = targets;
  say(`${databaseFaultText(fault)} for ${fault.forMs} ms`);
  switch (fault.kind) {
    case 'end a session':
      await askUntilAnswered(session, clock, END_SESSION, signal);
      return;
    case 'lock':
      return lockTable(fault, targets, signal);
    case 'restart postgres':
      await postgres.stop(fault.isCrash ? 'SIGQUIT' : 'SIGINT');
      await clock.sleep(fault.forMs, signal);
      return postgres.start();
  }
}

async function lockTable(
  { table, forMs }: DatabaseFault & { readonly kind: 'lock' },
  { url, clock, say }: SinkFaultTargets,
  signal: AbortSignal,
): Promise<void> {
  await using locker = databaseSession(url);
  try {
    await locker.sql(`BEGIN; SET LOCAL lock_timeout = '${LOCK_WAIT_MAX}'; LOCK TABLE public.${table}`);
  } catch (error) {
    return say(`${table} is not locked: ${describe(error)}`);
  }
  await clock.sleep(forMs, signal);
}

const END_SESSION = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name LIKE 'millrace-%' AND backend_type = 'client backend'
  ORDER BY pid LIMIT 1`;
