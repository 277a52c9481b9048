import { type Lsn, parseLsn } from '../place/lsn.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** What pg_replication_slots says of the slot now. https://www.postgresql.org/docs/current/view-pg-replication-slots.html */
export interface SlotReading {
  /** The end of the server's WAL that is safely on disk. */
  readonly flushedLsn: Lsn;
  readonly confirmedFlush: Lsn;
  /** WAL written and not acknowledged. */
  readonly lagBytes: number;
  /** WAL that is kept for the slot, from restart_lsn on; null when nothing is kept any more. */
  readonly retainedBytes: number | null;
  /** WAL that can be written before the slot is in danger; null without a limit, and for a lost slot. */
  readonly safeBytes: number | null;
  /** `reserved`, `extended`, `unreserved` or `lost`. */
  readonly walStatus: string | null;
  readonly active: boolean;
  /** Since Postgres 17: how long nobody has read the slot, milliseconds; null while it is read. */
  readonly inactiveMs: number | null;
  /** Since Postgres 17: why the server gave the slot up. Before that, `conflicting` or `wal_removed` by what is known. */
  readonly invalidation: string | null;
  /** Transactions since the one whose catalog rows VACUUM must keep for the slot. */
  readonly catalogXminAge: number;
  /** Transactions since the oldest whose rows VACUUM must keep for a table that is being read; 0 while none is. */
  readonly readXminAge: number;
  /** max_slot_wal_keep_size; null without a limit. */
  readonly keepBytesMax: number | null;
  /** idle_replication_slot_timeout (Postgres 18), milliseconds; null when there is none. */
  readonly idleTimeoutMs: number | null;
}

/** The end of the WAL that is safely on disk; on a standby, of what it has replayed. */
export const FLUSHED_LSN =
  'CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_flush_lsn() END';

/** Columns that only newer servers have are read from the row as JSON. */
const SQL = `
  SELECT flushed::text, coalesce(confirmed_flush_lsn, '0/0')::text AS confirmed,
    coalesce(flushed - confirmed_flush_lsn, 0)::float8 AS lag,
    (flushed - restart_lsn)::float8 AS retained, safe_wal_size::float8 AS safe,
    wal_status AS status, active, coalesce(age(catalog_xmin), 0) AS age,
    extract(epoch FROM now() - (to_jsonb(s) ->> 'inactive_since')::timestamptz)::float8 * 1000 AS inactive,
    coalesce(to_jsonb(s) ->> 'invalidation_reason', CASE WHEN to_jsonb(s) ->> 'conflicting' = 'true' THEN 'conflicting'
      WHEN wal_status = 'lost' THEN 'wal_removed' END) AS invalidation,
    (SELECT setting::float8 * 1048576 FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS keep,
    (SELECT setting::float8 * CASE unit WHEN 'min' THEN 60000 WHEN 's' THEN 1000 ELSE 1 END FROM pg_settings
      WHERE name = 'idle_replication_slot_timeout') AS idle,
    (SELECT coalesce(max(age(backend_xmin)), 0) FROM pg_stat_activity WHERE application_name IN
      (left('millrace-source ' || $1, 63), left('millrace-snapshot ' || $1, 63), left('millrace-copy ' || $1, 63))) AS reads
  FROM pg_replication_slots s CROSS JOIN (SELECT ${FLUSHED_LSN} AS flushed) w WHERE slot_name = $1`;

interface Row {
  readonly flushed: string;
  readonly confirmed: string;
  readonly lag: number;
  readonly retained: number | null;
  readonly safe: number | null;
  readonly status: string | null;
  readonly active: boolean;
  readonly age: number;
  readonly inactive: number | null;
  readonly invalidation: string | null;
  readonly keep: number;
  readonly idle: number | null;
  readonly reads: number;
}

/** Null when there is no such slot. */
export async function readSlot(sql: WireConnection, slotName: string): Promise<SlotReading | null> {
  const [row] = await sql.query<Row>(SQL, [slotName]);
  if (row === undefined) return null;
  return {
    flushedLsn: parseLsn(row.flushed),
    confirmedFlush: parseLsn(row.confirmed),
    lagBytes: Math.max(row.lag, 0),
    retainedBytes: row.retained,
    safeBytes: row.safe,
    walStatus: row.status,
    active: row.active,
    inactiveMs: row.inactive,
    invalidation: row.invalidation,
    catalogXminAge: row.age,
    readXminAge: row.reads,
    keepBytesMax: row.keep < 0 ? null : row.keep,
    idleTimeoutMs: row.idle === null || row.idle <= 0 ? null : row.idle,
  };
}
