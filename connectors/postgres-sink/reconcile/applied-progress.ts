import type { Clock } from '../../../infra/process/clock.ts';
import { type TableName, plainName } from '../target-table.ts';
import type { ReadSession } from './read-session.ts';

/** How often the target is asked how far it is. */
const POLL_MS = 100;

/** How far a target is: not told, at or past the place in the source's WAL, or not there when the time was over. */
export type AppliedProgress = 'not told' | 'reached' | 'behind';

/**
 * Waits until the table reflects every commit that the source has now, where `millrace.progress` tells how far it is.
 * Between transactions: each question is a statement of its own.
 */
export async function awaitProgress(
  source: ReadSession,
  target: ReadSession,
  view: TableName,
  clock: Clock,
  waitMaxMs: number,
): Promise<AppliedProgress> {
  if (!(await isTold(target, view))) return 'not told';
  const { rows } = await source.query(
    'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END',
  );
  const lsn = rows[0]?.[0] ?? null;
  const deadline = clock.now() + waitMaxMs;
  for (;;) {
    const answer = await target.query(
      'SELECT 1 FROM millrace.progress WHERE view = $1 AND lsn >= $2::pg_lsn',
      [plainName(view), lsn],
    );
    if (answer.rows.length > 0) return 'reached';
    if (clock.now() >= deadline) return 'behind';
    await clock.sleep(POLL_MS);
  }
}

async function isTold(target: ReadSession, view: TableName): Promise<boolean> {
  const columns = await target.query(
    `SELECT 1 FROM pg_catalog.pg_attribute
     WHERE attrelid = to_regclass('millrace.progress') AND attname IN ('view', 'lsn') AND NOT attisdropped`,
  );
  if (columns.rows.length < 2) return false;
  const known = await target.query('SELECT 1 FROM millrace.progress WHERE view = $1', [plainName(view)]);
  return known.rows.length > 0;
}
