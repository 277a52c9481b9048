import { must } from '../../infra/process/assert.ts';
import type { Catalog } from './catalog.ts';
import type { GuardRequest, HiddenTable, ServerFacts, SlotFacts } from './guard.ts';
import { type Lsn, parseLsn } from './lsn.ts';
import { publicationAlarms } from './publication-alarms.ts';
import { readPublication } from './publication-reading.ts';
import { readSlot } from './slot-reading.ts';
import { identifier, literal } from './sql-text.ts';
import type { WireConnection } from './wire-connection.ts';

/** System identifier and database, as only a walsender session may ask everywhere. */
export async function identifySystem(
  walsender: WireConnection,
): Promise<Pick<ServerFacts, 'systemId' | 'database'>> {
  const [row] = await walsender.query<{ systemid: string; dbname: string }>('IDENTIFY_SYSTEM');
  const { systemid, dbname } = must(row, 'IDENTIFY_SYSTEM gave no row');
  return { systemId: systemid, database: dbname };
}

/** wal_sender_timeout of this session in milliseconds, 0 for none. */
export async function senderTimeoutMs(sql: WireConnection): Promise<number> {
  const [row] = await sql.query<{ ms: number }>(
    `SELECT setting::int AS ms FROM pg_settings WHERE name = 'wal_sender_timeout'`,
  );
  return must(row, 'wal_sender_timeout').ms;
}

export async function serverFacts(
  sql: WireConnection,
  catalog: Catalog,
  system: Pick<ServerFacts, 'systemId' | 'database'>,
  request: Pick<GuardRequest, 'slotName' | 'publicationName'>,
): Promise<ServerFacts> {
  const [row] = await sql.query<{ wal_level: string; flushed: string; pid: number }>(
    `SELECT current_setting('wal_level') AS wal_level, pg_current_wal_flush_lsn()::text AS flushed,
       pg_backend_pid() AS pid`,
  );
  const server = must(row, 'the server said nothing of its WAL');
  return {
    ...system,
    walLevel: server.wal_level,
    flushedLsn: parseLsn(server.flushed),
    slot: await slotFacts(sql, request.slotName),
    publication: await publicationFacts(sql, catalog, request.publicationName),
    pooled: sql.backendPid !== server.pid,
    hidden: await hiddenTables(sql, request.publicationName),
  };
}

/** What a snapshot could not read, or could read only in part. */
async function hiddenTables(sql: WireConnection, publicationName: string): Promise<readonly HiddenTable[]> {
  const publication = await readPublication(sql, publicationName);
  if (publication === null) return [];
  return publicationAlarms(publication).filter(
    ({ code }) => code === 'table.unreadable' || code === 'table.row_security',
  );
}

async function slotFacts(sql: WireConnection, name: string): Promise<SlotFacts | null> {
  const [row] = await sql.query<{
    plugin: string;
    database: string;
    status: string;
    flush: string;
    pid: number;
  }>(
    `SELECT plugin::text, database::text, wal_status AS status, active_pid AS pid,
       coalesce(confirmed_flush_lsn, '0/0')::text AS flush
     FROM pg_replication_slots WHERE slot_name = $1`,
    [name],
  );
  if (row === undefined) return null;
  const { plugin, database, status, flush, pid } = row;
  const invalidation = (await readSlot(sql, name))?.invalidation ?? null;
  return {
    plugin,
    database,
    walStatus: status,
    invalidation,
    confirmedFlush: parseLsn(flush),
    activePid: pid,
  };
}

async function publicationFacts(
  sql: WireConnection,
  catalog: Catalog,
  name: string,
): Promise<ServerFacts['publication']> {
  const [row] = await sql.query<{ oid: number }>(
    'SELECT oid::int8::float8 AS oid FROM pg_publication WHERE pubname = $1',
    [name],
  );
  if (row === undefined) return null;
  const tables = await catalog.publishedTables(name);
  return { oid: row.oid, tables: tables.map(({ schema, table }) => `${schema}.${table}`) };
}

/** Makes the publication, so that it exists before the slot does: a slot cannot see one that came later. */
export async function createPublication(
  sql: WireConnection,
  name: string,
  tables: readonly string[],
): Promise<void> {
  const list = tables.map((table) => table.split('.', 2).map(identifier).join('.')).join(', ');
  await sql.query(
    `CREATE PUBLICATION ${identifier(name)} FOR TABLE ${list} WITH (publish_via_partition_root = true)`,
  );
}

export interface NewSlot {
  /** Changes that commit from here on come out of the slot; the snapshot holds all before. */
  readonly consistentPoint: Lsn;
  /** For SET TRANSACTION SNAPSHOT, as long as the walsender session does nothing else. */
  readonly snapshotName: string;
}

/** Waits for the transactions that write now to end. Drops a slot of this name first where `replace` says so. */
export async function createSlot(
  walsender: WireConnection,
  name: string,
  replace: boolean,
): Promise<NewSlot> {
  if (replace) await walsender.query(`SELECT pg_drop_replication_slot(${literal(name)})`);
  const [row] = await walsender.query<{ consistent_point: string; snapshot_name: string }>(
    `CREATE_REPLICATION_SLOT ${identifier(name)} LOGICAL pgoutput EXPORT_SNAPSHOT`,
  );
  const slot = must(row, 'CREATE_REPLICATION_SLOT gave no row');
  return { consistentPoint: parseLsn(slot.consistent_point), snapshotName: slot.snapshot_name };
}
