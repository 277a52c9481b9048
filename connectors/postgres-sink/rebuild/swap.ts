import { type Client, escapeIdentifier } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';
import { type HeldPartition, verifyHeld } from '../offset-table.ts';
import { plainName, quotedName } from '../target-table.ts';
import { type BoundObjects, boundObjects } from './bound-objects.ts';
import { type CarriedIndex, type CarriedParts, readCarried } from './carried-parts.ts';
import type { LiveTable } from './live-table.ts';
import { carry } from './new-table.ts';
import { rebuildSink, sibling, siblingTable } from './rebuild-names.ts';
import { forgetProgress } from './rebuild-table.ts';

/** How long the sink's own transaction is waited for. */
const FREEZE_WAIT_MAX_MS = 2_000;
/** How long readers are waited for: who comes after the swap asks for the table, waits behind it. */
const LOCK_WAIT_MAX_MS = 300;

/**
 * Begins the transaction of the swap: from here on the sink writes nothing to the old table, since the rows of its stored
 * offsets are locked. Resolves with these offsets by partition.
 */
export async function freeze(
  client: Client,
  { sink, topic }: LiveTable,
): Promise<ReadonlyMap<number, number>> {
  await client.query(
    `BEGIN; SET LOCAL synchronous_commit = on; SET LOCAL lock_timeout = ${FREEZE_WAIT_MAX_MS}`,
  );
  return await storedOffsets(client, { sink, topic }, 'FOR UPDATE');
}

/** The next offsets of a sink's partitions. */
export async function storedOffsets(
  client: Client,
  { sink, topic }: Pick<LiveTable, 'sink' | 'topic'>,
  lock: 'FOR UPDATE' | '' = '',
): Promise<ReadonlyMap<number, number>> {
  const { rows } = await client.query<{ partition: number; next: string }>(
    `SELECT partition, next_offset AS next FROM millrace.sink_offsets WHERE sink = $1 AND topic = $2
     ORDER BY partition ${lock}`,
    [sink, topic],
  );
  return new Map(rows.map(({ partition, next }) => [partition, Number(next)]));
}

/** What the new table was completed by. A change of it since then asks for another look. */
export interface Prepared {
  readonly live: LiveTable;
  readonly parts: CarriedParts;
  readonly bound: BoundObjects;
  readonly indexes: readonly CarriedIndex[];
  /** The new table's offsets, which are past those that {@link freeze} gave. */
  readonly held: readonly HeldPartition[];
  /** The table that an earlier rebuild has kept. */
  readonly keptOid: string | null;
  readonly dropsOld: boolean;
  /** The topic was created anew: what the old table stood for says nothing of the new one. */
  readonly isBegunAnew: boolean;
}

/**
 * The rest of the transaction that {@link freeze} began: locks both tables, puts the new one in the old one's place with all
 * that belongs to it, and gives the sink the new table's offsets under another epoch, so that it begins anew with it.
 * @returns false if the old table has changed since it was looked at: nothing is committed then
 * @throws Failure `rebuild.not_carried`, `rebuild.options_changed` (stop), and `lock_not_available`, which passes
 */
export async function swap(client: Client, prepared: Prepared): Promise<boolean> {
  const { live, bound } = prepared;
  const old = quotedName(live.table);
  const made = quotedName(siblingTable(live.table, '__rebuild'));
  await client.query(`SET LOCAL lock_timeout = ${LOCK_WAIT_MAX_MS}`);
  await client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`millrace ${old}`]);
  await verifyBinding(client, live);
  // views first, as readers lock them
  for (const { name } of bound.views) await client.query(`LOCK TABLE ${name} IN ACCESS EXCLUSIVE MODE`);
  await client.query(`LOCK TABLE ${old}, ${made} IN ACCESS EXCLUSIVE MODE`);
  await verifyHeld(client, rebuildSink(live.sink), prepared.held);
  if (!(await isAsPrepared(client, prepared))) {
    await client.query('ROLLBACK');
    return false;
  }
  await rename(client, prepared);
  for (const sql of [...prepared.parts.rights.slice(0, 1), ...prepared.parts.statements])
    await carry(client, live, sql);
  await carryTriggers(client, prepared);
  for (const sql of prepared.parts.rights.slice(1)) await carry(client, live, sql);
  for (const { sql } of bound.views) await carry(client, live, sql);
  if (prepared.dropsOld)
    await carry(client, live, `DROP TABLE ${quotedName(siblingTable(live.table, '__old'))}`);
  await handOver(client, prepared);
  const { command } = await client.query('COMMIT');
  if (command !== 'COMMIT')
    throw new Failure('rebuild.rolled_back', 'retry', `Postgres answered COMMIT with ${command}`);
  return true;
}

/** Those that shape rows are there since it was made, but for what was changed meanwhile. */
async function carryTriggers(client: Client, { live, parts }: Prepared): Promise<void> {
  const table = quotedName(live.table);
  const { rows } = await client.query<{ name: string }>(
    'SELECT tgname AS name FROM pg_trigger WHERE tgrelid = to_regclass($1) AND NOT tgisinternal',
    [table],
  );
  for (const { name } of rows)
    await carry(client, live, `DROP TRIGGER ${escapeIdentifier(name)} ON ${table}`);
  for (const { name, definition, state } of parts.triggers) {
    await carry(client, live, definition);
    await carry(client, live, `ALTER TABLE ${table} ${state} TRIGGER ${escapeIdentifier(name)}`);
  }
}

async function isAsPrepared(client: Client, { live, parts, bound }: Prepared): Promise<boolean> {
  const now = [await readCarried(client, live), await boundObjects(client, live)];
  return JSON.stringify(now) === JSON.stringify([parts, bound]);
}

/** @throws Failure `rebuild.options_changed` (stop) */
async function verifyBinding(client: Client, live: LiveTable): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT FROM millrace.sink_tables WHERE sink = $1 AND topic = $2 AND table_schema = $3 AND table_name = $4
       AND options = $5::jsonb AND to_regclass($6)::oid = $7 FOR UPDATE`,
    [
      live.sink,
      live.topic,
      live.table.schema,
      live.table.table,
      JSON.stringify(live.options),
      quotedName(live.table),
      live.oid,
    ],
  );
  if (rowCount === 1) return;
  throw new Failure(
    'rebuild.options_changed',
    'stop',
    `sink ${live.sink} keeps ${plainName(live.table)} in another way than when the rebuild began, or the table is another one`,
    { fix: 'give this rebuild up with --abort and begin another one' },
  );
}

async function rename(client: Client, { live, parts, indexes, keptOid }: Prepared): Promise<void> {
  const { schema, table } = live.table;
  const index = (name: string): string => quotedName({ schema, table: name });
  const renamed = (from: string, to: string): string =>
    `ALTER INDEX ${index(from)} RENAME TO ${escapeIdentifier(to)}`;
  const old = siblingTable(live.table, '__old');
  if (keptOid !== null) {
    const kept = await client.query('SELECT FROM pg_class WHERE oid = $1 AND oid = to_regclass($2)', [
      keptOid,
      quotedName(old),
    ]);
    if (kept.rowCount === 1) await carry(client, live, `DROP TABLE ${quotedName(old)}`);
  }
  await carry(client, live, `ALTER TABLE ${quotedName(live.table)} RENAME TO ${escapeIdentifier(old.table)}`);
  for (const { name } of parts.indexes) await carry(client, live, renamed(name, sibling(name, '__old')));
  const made = quotedName(siblingTable(live.table, '__rebuild'));
  await carry(client, live, `ALTER TABLE ${made} RENAME TO ${escapeIdentifier(table)}`);
  for (const { name } of indexes) await carry(client, live, renamed(sibling(name, '__rebuild'), name));
}

const HAND_OVER = `
  INSERT INTO millrace.sink_offsets AS o (sink, topic, partition, next_offset, epoch, applied_at)
  SELECT $1, topic, partition, next_offset, 1, applied_at FROM millrace.sink_offsets
  WHERE sink = $2 AND topic = $3 ORDER BY partition
  ON CONFLICT (sink, topic, partition) DO UPDATE
    SET next_offset = excluded.next_offset, epoch = o.epoch + 1, applied_at = excluded.applied_at`;

/** What is stored about the new table is from now on the sink's own. */
async function handOver(client: Client, { live, dropsOld, isBegunAnew }: Prepared): Promise<void> {
  const { sink, topic, table } = live;
  await client.query(HAND_OVER, [sink, rebuildSink(sink), topic]);
  if (isBegunAnew)
    await client.query('DELETE FROM millrace.sink_progress WHERE sink = $1 AND topic = $2', [sink, topic]);
  const letters = await client.query<{ found: boolean }>(
    `SELECT to_regclass('millrace.dead_letters') IS NOT NULL AS found`,
  );
  if (letters.rows[0]?.found === true) {
    await client.query('DELETE FROM millrace.dead_letters WHERE sink = $1 AND topic = $2', [sink, topic]);
    await client.query(
      'UPDATE millrace.dead_letters SET sink = $1, table_schema = $4, table_name = $5 WHERE sink = $2 AND topic = $3',
      [sink, rebuildSink(sink), topic, table.schema, table.table],
    );
  }
  await forgetProgress(client, live);
  await client.query(
    'UPDATE millrace.sink_rebuilds SET new_oid = NULL, kept_oid = $3 WHERE sink = $1 AND topic = $2',
    [sink, topic, dropsOld ? null : live.oid],
  );
}
