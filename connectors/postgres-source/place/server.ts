import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Catalog } from '../shapes/catalog.ts';
import type { GuardRequest, HiddenTable, ServerFacts, SlotFacts } from './guard.ts';
import { parseLsn } from './lsn.ts';
import { publicationAlarms } from '../watch/publication-alarms.ts';
import { readPublication } from '../watch/publication-reading.ts';
import { FLUSHED_LSN, readSlot } from '../watch/slot-reading.ts';
import type { SourcePosition } from './position.ts';
import { identifier } from '../wire/sql-text.ts';
import { forkOf } from './timeline.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** What only a walsender session may ask everywhere. */
type SystemFacts = Pick<ServerFacts, 'systemId' | 'database' | 'timeline' | 'fork'>;

/** @param stored its timeline is looked for in the server's history */
export async function identifySystem(
  walsender: WireConnection,
  stored: Pick<SourcePosition, 'timeline'> | null,
): Promise<SystemFacts> {
  const { systemid, dbname, timeline: text } = await askSystem(walsender);
  const timeline = Number(text);
  const left = stored?.timeline;
  const moved = left !== undefined && left !== timeline && timeline > 1;
  const fork = moved ? await forkOf(walsender, timeline, left) : null;
  return { systemId: systemid, database: dbname, timeline, fork };
}

interface SystemRow {
  readonly systemid: string;
  readonly dbname: string;
  readonly timeline: number | string;
}

const SYNTAX_ERROR = '42601';

async function askSystem(walsender: WireConnection): Promise<SystemRow> {
  try {
    const [row] = await walsender.query<SystemRow>('IDENTIFY_SYSTEM');
    return must(row, 'IDENTIFY_SYSTEM gave no row');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === SYNTAX_ERROR)) throw error;
    throw new Failure(
      'source.pooler',
      'stop',
      'the session is not one for replication: a connection pooler has left that parameter out',
      { cause: error, fix: 'give the address of the Postgres server itself' },
    );
  }
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
  system: SystemFacts,
  request: Pick<GuardRequest, 'slotName' | 'publicationName'>,
): Promise<ServerFacts> {
  const [row] = await sql.query<{
    version: number;
    wal_level: string;
    standby: boolean;
    flushed: string;
    pid: number;
  }>(
    `SELECT current_setting('server_version_num')::int AS version, current_setting('wal_level') AS wal_level,
       pg_is_in_recovery() AS standby, ${FLUSHED_LSN}::text AS flushed, pg_backend_pid() AS pid`,
  );
  const server = must(row, 'the server said nothing of its WAL');
  return {
    ...system,
    version: server.version,
    walLevel: server.wal_level,
    standby: server.standby,
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
    synced: boolean;
    failover: boolean;
  }>(
    `SELECT plugin::text, database::text, wal_status AS status, active_pid AS pid,
       coalesce((to_jsonb(s) ->> 'synced')::boolean, false) AS synced,
       coalesce((to_jsonb(s) ->> 'failover')::boolean, false) AS failover,
       coalesce(confirmed_flush_lsn, '0/0')::text AS flush
     FROM pg_replication_slots s WHERE slot_name = $1`,
    [name],
  );
  if (row === undefined) return null;
  const { plugin, database, status, flush, pid, synced, failover } = row;
  const invalidation = (await readSlot(sql, name))?.invalidation ?? null;
  return {
    plugin,
    database,
    walStatus: status,
    invalidation,
    confirmedFlush: parseLsn(flush),
    activePid: pid,
    synced,
    failover,
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
