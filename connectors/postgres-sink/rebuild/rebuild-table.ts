import type { Client } from 'pg';
import type { BoundOptions } from '../table-binding.ts';
import { quotedName } from '../target-table.ts';
import type { LiveTable } from './live-table.ts';
import { rebuildSink, siblingTable } from './rebuild-names.ts';

/** What is stored of a table's rebuild: `millrace.sink_rebuilds`. */
export interface StoredRebuild {
  /** The table that is being filled; null when no rebuild is under way. */
  readonly newOid: string | null;
  /** The table that the last rebuild has replaced, if it was kept. */
  readonly keptOid: string | null;
  readonly options: BoundOptions;
  /** Since the new table was last at the end of the topic, or was made. Milliseconds. */
  readonly behindForMs: number;
}

export async function createRebuildTable(client: Client): Promise<void> {
  const known = await client.query<{ found: boolean }>(
    `SELECT to_regclass('millrace.sink_rebuilds') IS NOT NULL AS found`,
  );
  if (known.rows[0]?.found === true) return;
  await client.query(`
    BEGIN;
    SELECT pg_advisory_xact_lock(hashtextextended('millrace.sink_rebuilds', 0));
    CREATE TABLE IF NOT EXISTS millrace.sink_rebuilds (
      sink text, topic text, new_oid oid, kept_oid oid, options jsonb NOT NULL, caught_up_at timestamptz NOT NULL,
      PRIMARY KEY (sink, topic)
    );
    COMMIT`);
}

interface StoredRow {
  readonly newOid: string | null;
  readonly keptOid: string | null;
  readonly options: BoundOptions;
  readonly behindForMs: string;
}

/** Null where the table was never rebuilt. */
export async function readRebuild(client: Client, { sink, topic }: LiveTable): Promise<StoredRebuild | null> {
  const known = await client.query<{ found: boolean }>(
    `SELECT to_regclass('millrace.sink_rebuilds') IS NOT NULL AS found`,
  );
  if (known.rows[0]?.found !== true) return null;
  const { rows } = await client.query<StoredRow>(
    `SELECT new_oid::text AS "newOid", kept_oid::text AS "keptOid", options,
       (1000 * extract(epoch FROM clock_timestamp() - caught_up_at))::bigint::text AS "behindForMs"
     FROM millrace.sink_rebuilds WHERE sink = $1 AND topic = $2`,
    [sink, topic],
  );
  const [row] = rows;
  return row === undefined ? null : { ...row, behindForMs: Number(row.behindForMs) };
}

/** Part of the transaction that makes the new table. */
export async function storeBegun(client: Client, live: LiveTable): Promise<void> {
  await client.query(
    `INSERT INTO millrace.sink_rebuilds (sink, topic, new_oid, options, caught_up_at)
     VALUES ($1, $2, to_regclass($3)::oid, $4, clock_timestamp())
     ON CONFLICT (sink, topic) DO UPDATE SET new_oid = excluded.new_oid, options = excluded.options,
       caught_up_at = excluded.caught_up_at`,
    [live.sink, live.topic, quotedName(siblingTable(live.table, '__rebuild')), JSON.stringify(live.options)],
  );
}

export async function storeCaughtUp(client: Client, { sink, topic }: LiveTable): Promise<void> {
  await client.query(
    'UPDATE millrace.sink_rebuilds SET caught_up_at = clock_timestamp() WHERE sink = $1 AND topic = $2',
    [sink, topic],
  );
}

/** Drops the new table with all that is stored about it, in one transaction. */
export async function discardRebuild(client: Client, live: LiveTable, newOid: string | null): Promise<void> {
  await client.query('BEGIN');
  try {
    if (newOid !== null) {
      const { rows } = await client.query<{ name: string }>(
        'SELECT oid::regclass::text AS name FROM pg_class WHERE oid = $1',
        [newOid],
      );
      for (const { name } of rows) await client.query(`DROP TABLE ${name}`);
    }
    await forgetProgress(client, live);
    await client.query('UPDATE millrace.sink_rebuilds SET new_oid = NULL WHERE sink = $1 AND topic = $2', [
      live.sink,
      live.topic,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await Promise.allSettled([client.query('ROLLBACK')]);
    throw error;
  }
}

/** What the filling has stored about itself. */
export async function forgetProgress(client: Client, { sink, topic }: LiveTable): Promise<void> {
  const letters = await client.query<{ found: boolean }>(
    `SELECT to_regclass('millrace.dead_letters') IS NOT NULL AS found`,
  );
  const tables = [
    'sink_offsets',
    'sink_tables',
    ...(letters.rows[0]?.found === true ? ['dead_letters'] : []),
  ];
  for (const table of tables)
    await client.query(`DELETE FROM millrace.${table} WHERE sink = $1 AND topic = $2`, [
      rebuildSink(sink),
      topic,
    ]);
}
