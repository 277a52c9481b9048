import { must } from '../../../infra/process/assert.ts';
import { rewrittenSql, tableSql } from './chunk-reader.ts';
import type { PublishedTable } from '../shapes/catalog.ts';
import { literal } from '../wire/sql-text.ts';
import { isTablesOwn } from './table-fault.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** A helper that is kept out of a table so long is not waited for. */
const HELPER_LOCK_TIMEOUT_MS = 200;

/** How a table is stored, as the snapshot's transaction finds it. */
export interface StoredTable {
  /** A table without children of its own kind: those of an inheriting table are tables of their own. */
  readonly only: boolean;
  /** Pages that may be read in ranges; 0 where they may not. */
  readonly pages: number;
  /** It got new files after the snapshot: TRUNCATE, or ALTER TABLE that rewrites, left nothing that the snapshot sees. */
  readonly rewritten: boolean;
}

/** Opens the transaction that the tables are read in, in a snapshot that was exported or in one of now. */
export async function beginSnapshot(session: WireConnection, snapshotName: string | null): Promise<void> {
  await session.query('BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY');
  if (snapshotName !== null) await session.query(`SET TRANSACTION SNAPSHOT ${literal(snapshotName)}`);
  // A scan that joins another one begins in the middle of the table, and parallel workers mix its pages.
  await session.query('SET LOCAL synchronize_seqscans = off; SET LOCAL max_parallel_workers_per_gather = 0');
}

/**
 * Locks a table (ACCESS SHARE) until the transaction ends: nothing that moves rows (VACUUM FULL, CLUSTER), rewrites or
 * drops the table gets in between. A plain SELECT does it, since LOCK TABLE asks for rights on the whole table. Null for
 * a table that cannot be read, with the reason handed to `onFault`.
 */
export async function lockTable(
  session: WireConnection,
  table: PublishedTable,
  onFault: (error: unknown) => void,
): Promise<StoredTable | null> {
  await session.query('SAVEPOINT part');
  try {
    const [kind] = await session.query<{ only: boolean }>(
      `SELECT relkind = 'r' AS only FROM pg_class WHERE oid = $1::int8::oid`,
      [table.oid],
    );
    const { only } = must(kind, 'a published table');
    await session.query(`SELECT FROM ${tableSql(table, only)} LIMIT 0`);
    const [row] = await session.query<{ pages: number; rewritten: boolean }>(
      `SELECT (pg_relation_size($1::int8::oid::regclass) / current_setting('block_size')::int)::float8 AS pages,
         ${rewrittenSql(table.oid)} AS rewritten`,
      [table.oid],
    );
    await session.query('RELEASE SAVEPOINT part');
    const { pages, rewritten } = must(row, 'a table has a size');
    return { only, pages: only ? pages : 0, rewritten };
  } catch (error) {
    if (!isTablesOwn(error)) throw error;
    await session.query('ROLLBACK TO SAVEPOINT part');
    onFault(error);
    return null;
  }
}

/** Lets other sessions read in the snapshot of this one. */
export async function exportSnapshot(session: WireConnection): Promise<string> {
  const [row] = await session.query<{ name: string }>('SELECT pg_export_snapshot() AS name');
  return must(row, 'pg_export_snapshot() gave no row').name;
}

/**
 * A further session in the same snapshot, with the same locks. False when somebody who waits for the first one's lock
 * stands before it: to wait for them would be to wait for ourselves, and the first session can do without.
 */
export async function joinSnapshot(
  session: WireConnection,
  snapshotName: string,
  tables: readonly PublishedTable[],
): Promise<boolean> {
  await beginSnapshot(session, snapshotName);
  await session.query(`SET LOCAL lock_timeout = ${HELPER_LOCK_TIMEOUT_MS}`);
  for (const table of tables) if ((await lockTable(session, table, () => undefined)) === null) return false;
  await session.query('SET LOCAL lock_timeout = 0');
  return true;
}
