import type { Clock } from '../../../infra/process/clock.ts';
import { CAN_READ_PROGRESS, IS_OF_TABLE } from '../progress-view.ts';
import { type TableName, quotedName } from '../target-table.ts';
import type { ReadSession } from './read-session.ts';

/** How often the target is asked how far it is. */
const POLL_MS = 100;

/** How far a target is: not told, at or past the place in the source's WAL, or not there when the time was over. */
export type AppliedProgress = 'not told' | 'reached' | 'behind';

/** A row for each source that the table's rows come of, as `millrace.wait_for` looks at them. */
const REACHED = `
  SELECT bool_and(coalesce(lsn >= $2::pg_lsn, false)), count(lsn) FROM millrace.progress WHERE ${IS_OF_TABLE}`;

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
  const known = await target.query(`SELECT ${CAN_READ_PROGRESS}`);
  if (known.rows[0]?.[0] !== 't') return 'not told';
  const { rows } = await source.query(
    'SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END',
  );
  const lsn = rows[0]?.[0] ?? null;
  const deadline = clock.now() + waitMaxMs;
  for (;;) {
    const [answer] = (await target.query(REACHED, [quotedName(view), lsn])).rows;
    if (Number(answer?.[1] ?? 0) === 0) return 'not told';
    if (answer?.[0] === 't') return 'reached';
    if (clock.now() >= deadline) return 'behind';
    await clock.sleep(POLL_MS);
  }
}
