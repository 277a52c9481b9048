import type { Client } from 'pg';
import type { Clock } from '../../../infra/process/clock.ts';

const LOOK_MS = 20;

/** A transaction that reads the state of an earlier moment. */
export interface OlderSnapshot {
  readonly transaction: string;
  readonly pid: number;
  readonly application: string;
}

/** Everybody sees `pg_locks`, and the xmin of all sessions; most else of other roles' sessions is hidden. */
const HOLDERS = `
  SELECT l.virtualxid AS transaction, l.pid, coalesce(a.application_name, '') AS application,
    a.backend_xmin::text AS xmin, pg_snapshot_xmax(pg_current_snapshot())::text AS now
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'virtualxid' AND l.granted AND l.mode = 'ExclusiveLock' AND a.backend_xmin IS NOT NULL
    AND a.datname = current_database() AND a.pid <> pg_backend_pid() AND NOT pg_backend_pid() = ANY (pg_blocking_pids(a.pid))
    AND coalesce(a.backend_type, 'client backend') = 'client backend'`;

interface HolderRow extends OlderSnapshot {
  readonly xmin: string;
  readonly now: string;
}

async function holders(client: Client): Promise<readonly HolderRow[]> {
  // a transaction keeps what it has once read of the sessions
  await client.query('SELECT pg_stat_clear_snapshot()');
  return (await client.query<HolderRow>(HOLDERS)).rows;
}

const XID_BITS = 32;

/** Whether its oldest snapshot is from after the moment when `xmax` was next: xids wrap, so the difference tells. */
export function isNewer(xmin: string, xmax: string): boolean {
  const next = BigInt.asUintN(XID_BITS, BigInt(xmax));
  return BigInt.asIntN(XID_BITS, BigInt(xmin) - next) >= 0n;
}

/**
 * Waits until no transaction of the database reads a snapshot from before this call. Such a transaction, if it asked for
 * the new table, would see it as it was then: half filled. Resolves with those that are left when the time is over.
 * Who waits for this session is not waited for: that is the sink, which reads nothing when it goes on.
 */
export async function awaitOlderSnapshots(
  client: Client,
  clock: Clock,
  waitMaxMs: number,
): Promise<readonly OlderSnapshot[]> {
  const first = await holders(client);
  const before = new Map(first.map(({ transaction, now }) => [transaction, now]));
  const deadline = clock.now() + waitMaxMs;
  let left: readonly OlderSnapshot[] = first;
  while (before.size > 0) {
    left = (await holders(client)).filter(({ transaction, xmin }) => {
      const now = before.get(transaction);
      return now !== undefined && !isNewer(xmin, now);
    });
    const kept = new Set(left.map(({ transaction }) => transaction));
    for (const transaction of before.keys()) if (!kept.has(transaction)) before.delete(transaction);
    if (before.size === 0 || clock.now() >= deadline) break;
    await clock.sleep(LOOK_MS);
  }
  return before.size === 0 ? [] : left;
}
