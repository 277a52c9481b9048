import { must } from '../../../infra/process/assert.ts';
import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { type Lsn, parseLsn } from '../place/lsn.ts';
import { type Blocker, blockerText, readBlockers } from './slot-blockers.ts';
import { identifier, literal } from '../wire/sql-text.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

export interface NewSlot {
  /** Changes that commit from here on come out of the slot; the snapshot holds all before. */
  readonly consistentPoint: Lsn;
  /** For SET TRANSACTION SNAPSHOT, as long as the walsender session does nothing else. */
  readonly snapshotName: string;
}

export interface SlotCreation {
  readonly walsender: WireConnection;
  /** Another session of the same role, which looks at what the slot waits for. */
  readonly sql: WireConnection;
  readonly slotName: string;
  /** Drops a slot of this name first. */
  readonly replace: boolean;
  /** See `--slot-failover`. */
  readonly slotFailover: boolean;
  /** In words, while it takes long. */
  readonly onWait: (reason: string) => void;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** So long nothing is said: transactions are short. */
const LOOK_INTERVAL_MS = 1_000;
/** The same reason is logged again after this. */
const LOG_INTERVAL_MS = 10_000;
/** How long the server may take to give the slot up again. */
const CANCEL_MAX_MS = 2_000;

/**
 * Makes the slot. Postgres first waits for every transaction that writes now, however long it takes; who they are is
 * logged meanwhile. Returns null when `signal` ended the wait: the server then takes the slot back.
 */
export async function createSlot(creation: SlotCreation): Promise<NewSlot | null> {
  const { walsender, slotName, replace, clock, signal } = creation;
  if (replace) await walsender.query(`SELECT pg_drop_replication_slot(${literal(slotName)})`);
  if (signal.aborted) return null;
  const settled = new AbortController();
  using _look = clock.every(LOOK_INTERVAL_MS, waitTeller(creation));
  try {
    return await Promise.race([ask(creation), givenUp(creation, settled.signal)]);
  } catch (error) {
    if (signal.aborted) return null;
    throw error;
  } finally {
    settled.abort();
  }
}

async function ask({ walsender, slotName, slotFailover }: SlotCreation): Promise<NewSlot> {
  const options = slotFailover ? `SNAPSHOT 'export', FAILOVER true` : `SNAPSHOT 'export'`;
  const [row] = await walsender.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${identifier(slotName)} LOGICAL pgoutput (${options})`,
  );
  const slot = must(row, 'CREATE_REPLICATION_SLOT gave no row');
  return { consistentPoint: parseLsn(slot.consistent_point), snapshotName: slot.snapshot_name };
}

/** Null some time after the signal, when the server had its chance to take the slot back. */
function givenUp(creation: SlotCreation, settled: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    const cancel = (): void => void cancelCreation(creation, settled).then(() => resolve(null));
    creation.signal.addEventListener('abort', cancel, { once: true, signal: settled });
  });
}

/** A walsender that waits does not notice that its client is gone: it has to be told. */
async function cancelCreation(
  { sql, walsender, clock, log }: SlotCreation,
  settled: AbortSignal,
): Promise<void> {
  try {
    await sql.query('SELECT pg_cancel_backend($1)', [walsender.backendPid]);
    await clock.sleep(CANCEL_MAX_MS, settled);
  } catch (error) {
    log.warn({ reason: describe(error) }, 'the making of the slot could not be cancelled');
  }
}

/** Tells whom the slot waits for, when that changes, and every now and then. */
function waitTeller(creation: SlotCreation): () => void {
  const { sql, walsender, slotName, clock, log, onWait } = creation;
  const startedMs = clock.now();
  let looking = false;
  let told = '';
  let toldMs = 0;
  const tell = (blockers: readonly Blocker[]): void => {
    const waitedMs = clock.now() - startedMs;
    const xids = blockers.map(({ xid }) => xid).join();
    const reason = `slot ${slotName} waits for ${blockers.map(blockerText).join(', ')}`;
    onWait(reason);
    if (xids === told && !hasPassed(clock.now(), toldMs, LOG_INTERVAL_MS)) return;
    told = xids;
    toldMs = clock.now();
    log.warn({ slot: slotName, waitedMs, blockers }, reason);
  };
  return () => {
    if (looking) return;
    looking = true;
    readBlockers(sql, walsender.backendPid)
      .then((blockers) => blockers.length > 0 && tell(blockers))
      .catch((error: unknown) =>
        log.warn({ reason: describe(error) }, 'whom the slot waits for is not known'),
      )
      .finally(() => {
        looking = false;
      });
  };
}
