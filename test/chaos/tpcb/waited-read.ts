import type { Client } from 'pg';
import { must } from '../../../infra/process/assert.ts';
import { BANK_TABLE_NAMES } from './bank.ts';
import type { Mirror } from './mirror.ts';

/** Longer than any fault, on a machine that others use too. */
const WAIT_MAX = '60 seconds';

/** Behind what is committed; of a session that does not wait for its commits to be written, behind those too. */
export async function sourceLsn(source: Client, isAsynchronous = false): Promise<string> {
  const place = isAsynchronous ? 'pg_current_wal_insert_lsn()' : 'pg_current_wal_lsn()';
  const { rows } = await source.query<{ lsn: string }>(`SELECT ${place} AS lsn`);
  return must(rows[0], 'one row').lsn;
}

/** Waits for each of a mirror's tables. @returns the first that has not come to the LSN in time, or null */
export async function waitForAll(target: Client, { name }: Mirror, lsn: string): Promise<string | null> {
  for (const table of BANK_TABLE_NAMES) {
    const view = `${name}.${table}`;
    const { rows } = await target.query<{ reached: boolean }>(
      'SELECT millrace.wait_for($1, $2, $3) AS reached',
      [view, lsn, WAIT_MAX],
    );
    if (rows[0]?.reached !== true) return view;
  }
  return null;
}

/** One moment of the target for all that is read. */
export async function inOneSnapshot<T>(target: Client, read: () => Promise<T>): Promise<T> {
  await target.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
  try {
    return await read();
  } finally {
    await target.query('ROLLBACK');
  }
}
