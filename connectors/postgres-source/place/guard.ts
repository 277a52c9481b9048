import { Failure } from '../../../infra/process/failure.ts';
import { type Lsn, lsnText } from './lsn.ts';
import type { SourcePosition } from './position.ts';
import { checkTimeline } from './timeline.ts';

/** A logical slot, as pg_replication_slots shows it. */
export interface SlotFacts {
  readonly plugin: string;
  readonly database: string;
  /** `lost` when the server has thrown away WAL that the slot needs. */
  readonly walStatus: string | null;
  /** Why the server gave it up, null while it has not. */
  readonly invalidation: string | null;
  readonly confirmedFlush: Lsn;
  /** The walsender that holds it. */
  readonly activePid: number | null;
  /** The server has taken it over from its primary (Postgres 17). */
  readonly synced: boolean;
  /** It is to be synchronised to standbys (Postgres 17). */
  readonly failover: boolean;
}

/** What is true of the server now. */
export interface ServerFacts {
  readonly systemId: string;
  readonly database: string;
  /** Counts promotions: each begins another one. */
  readonly timeline: number;
  /** Where the server left the timeline of the position, if that is another one; null also when it never was on it. */
  readonly fork: Lsn | null;
  /** server_version_num */
  readonly version: number;
  readonly walLevel: string;
  /** It is in recovery: a standby, or not yet promoted. */
  readonly standby: boolean;
  /** The end of the WAL that is safely on disk. */
  readonly flushedLsn: Lsn;
  readonly slot: SlotFacts | null;
  readonly publication: { readonly oid: number; readonly tables: readonly string[] } | null;
  /** The session goes through a connection pooler. */
  readonly pooled: boolean;
  /** Published tables that our role cannot read wholly. */
  readonly hidden: readonly HiddenTable[];
}

/** Why a table cannot be read, and what mends it. */
export interface HiddenTable {
  readonly message: string;
  readonly fix: string;
}

export interface GuardRequest {
  readonly slotName: string;
  readonly publicationName: string;
  /** Tables that must be in the publication, `schema.table`. */
  readonly tables: readonly string[];
  readonly positionTopic: string;
  readonly slotFailover: boolean;
  readonly acceptTimeline: number | null;
}

/** The oldest server that the source is tested on. */
const VERSION_MIN = 150_000;
const SLOT_FAILOVER_SINCE = 170_000;

/** What to begin with: a new slot, another read of the tables behind a slot that is ours, or the stream. */
export type StartMode = 'create' | 'snapshot' | 'stream';

/**
 * Compares what Kafka remembers with what the server says. Postgres itself starts silently in every one of these
 * cases, and rows would be missing.
 * @throws Failure `source.*` (stop) that names the fix; `source.slot_active` (retry) while another reader holds the slot
 */
export function guard(
  position: SourcePosition | null,
  server: ServerFacts,
  request: GuardRequest,
): StartMode {
  checkVersion(server, request);
  if (server.standby) throw standbyFailure(position, server);
  if (server.walLevel !== 'logical')
    throw stop(
      'wal_level',
      `wal_level is ${server.walLevel}`,
      "ALTER SYSTEM SET wal_level = 'logical', then restart the server",
    );
  if (server.pooled)
    throw stop(
      'pooler',
      'the session goes through a connection pooler: it is not one server process, and replication needs one',
      'give the address of the Postgres server itself',
    );
  checkPublication(position, server, request);
  const mode = startMode(position, server, request);
  if (mode !== 'stream') checkReadable(server);
  return mode;
}

function checkVersion({ version }: ServerFacts, { slotFailover }: GuardRequest): void {
  const major = Math.floor(version / 10_000);
  if (version < VERSION_MIN)
    throw stop(
      'server_old',
      `the server is Postgres ${major}: the source is for Postgres ${VERSION_MIN / 10_000} and newer`,
      'upgrade the server',
    );
  if (slotFailover && version < SLOT_FAILOVER_SINCE)
    throw stop(
      'failover_unsupported',
      `the server is Postgres ${major}: slots are synchronised to standbys since ${SLOT_FAILOVER_SINCE / 10_000}`,
      'leave --slot-failover out',
    );
}

/** Marks of chunks and probes are written to the WAL, which only a primary does. While it is promoted, we wait. */
function standbyFailure(position: SourcePosition | null, server: ServerFacts): Failure {
  const ours = position !== null && position.systemId === server.systemId;
  return new Failure(
    'source.standby',
    ours ? 'retry' : 'stop',
    `the server is a standby (in recovery)${ours ? '; it is asked again until it is promoted' : ''}`,
    { fix: 'give the address of the primary' },
  );
}

function startMode(position: SourcePosition | null, server: ServerFacts, request: GuardRequest): StartMode {
  if (position === null) {
    if (server.slot !== null) throw foreignSlot(request);
    return 'create';
  }
  checkCluster(position, server, request);
  if (position.snapshot === 'creating') return 'create';
  checkTimeline(position, server, request);
  checkSlot(position, server, request);
  return position.snapshot === 'done' ? 'stream' : 'snapshot';
}

/** Rows that the stream alone cannot bring. */
function checkReadable({ hidden }: ServerFacts): void {
  if (hidden.length === 0) return;
  throw stop(
    'table_hidden',
    hidden.map(({ message }) => message).join('; '),
    hidden.map(({ fix }) => fix).join('; '),
  );
}

function checkPublication(position: SourcePosition | null, server: ServerFacts, request: GuardRequest): void {
  const { publication } = server;
  const name = request.publicationName;
  if (publication === null)
    throw stop(
      'publication_missing',
      `publication ${name} does not exist`,
      missingPublicationFix(position, name),
    );
  if (position !== null && position.publicationOid !== publication.oid)
    throw stop(
      'publication_replaced',
      `publication ${name} has oid ${publication.oid}, the position was written with ${position.publicationOid}: changes in between are lost`,
      freshStart(request),
    );
  const absent = request.tables.filter((table) => !publication.tables.includes(table));
  if (absent.length > 0)
    throw stop(
      'publication_tables',
      `publication ${name} lacks ${absent.join(', ')}`,
      `ALTER PUBLICATION "${name}" ADD TABLE ${absent.join(', ')}, or take them out of --tables`,
    );
}

function missingPublicationFix(position: SourcePosition | null, name: string): string {
  return position === null
    ? `name the tables with --tables, or CREATE PUBLICATION "${name}" FOR TABLE ...`
    : 'a publication that is made again does not bring back the changes in between: start afresh under another slot name and topic prefix';
}

function checkCluster(position: SourcePosition, server: ServerFacts, request: GuardRequest): void {
  if (position.systemId !== server.systemId)
    throw stop(
      'wrong_cluster',
      `the server has system identifier ${server.systemId}, the position of slot ${request.slotName} belongs to ${position.systemId}`,
      'connect to the server that the position belongs to, or choose another slot name and topic prefix',
    );
}

function checkSlot(position: SourcePosition, server: ServerFacts, request: GuardRequest): void {
  const { slot } = server;
  const name = request.slotName;
  if (slot === null)
    throw stop(
      'slot_missing',
      `slot ${name} does not exist, but ${request.positionTopic} has a position for it`,
      freshStart(request),
    );
  if (slot.plugin !== 'pgoutput' || slot.database !== server.database)
    throw stop(
      'slot_foreign',
      `slot ${name} has plugin ${slot.plugin} in database ${slot.database}, expected pgoutput in ${server.database}`,
      'choose another slot name',
    );
  if (slot.walStatus === 'lost' || slot.invalidation !== null)
    throw stop(
      'slot_lost',
      `the server has given slot ${name} up: ${slot.invalidation ?? 'wal_removed'}`,
      `${freshStart(request)}; raise the limit that was reached (max_slot_wal_keep_size, idle_replication_slot_timeout)`,
    );
  if (slot.activePid !== null)
    throw new Failure(
      'source.slot_active',
      'retry',
      `slot ${name} is still active for PID ${slot.activePid}`,
      {
        fix: 'wait: the other reader is fenced and ends with its next change; or end that backend',
      },
    );
  if (position.endLsn > server.flushedLsn)
    throw stop(
      'position_ahead',
      `the position ${lsnText(position.endLsn)} is beyond the end of the WAL, ${lsnText(server.flushedLsn)}: the server was restored or failed over`,
      freshStart(request),
    );
  if (position.endLsn < slot.confirmedFlush)
    throw stop(
      'position_gap',
      `slot ${name} was moved to ${lsnText(slot.confirmedFlush)}, beyond the position ${lsnText(position.endLsn)}: the changes in between are lost`,
      freshStart(request),
    );
}

function foreignSlot(request: GuardRequest): Failure {
  return stop(
    'slot_without_position',
    `slot ${request.slotName} exists, but ${request.positionTopic} has no position for it: it belongs to somebody else, or the topic was lost`,
    `choose another slot name, or, when nothing else reads the slot, SELECT pg_drop_replication_slot('${request.slotName}')`,
  );
}

function freshStart(request: GuardRequest): string {
  return `start afresh: drop slot ${request.slotName} if it exists, and use another slot name and topic prefix`;
}

function stop(code: string, message: string, fix: string): Failure {
  return new Failure(`source.${code}`, 'stop', message, { fix });
}
