import { Failure } from '../../../infra/process/failure.ts';
import { type Lsn, lsnText, parseLsn } from './lsn.ts';
import type { SourcePosition } from './position.ts';
import { identifier } from '../wire/sql-text.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/**
 * Where a server's WAL left a timeline: everything before is the same on all servers that were on it. Null when the
 * server's history does not have that timeline.
 */
export async function forkOf(walsender: WireConnection, current: number, left: number): Promise<Lsn | null> {
  const [row] = await walsender.query<{ content: string | Buffer }>(`TIMELINE_HISTORY ${current}`);
  return forkIn(String(row?.content ?? ''), left);
}

/** A line of the history file: timeline, the LSN at which it was left, why. https://www.postgresql.org/docs/current/continuous-archiving.html#BACKUP-TIMELINES */
const HISTORY_LINE = /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i;

export function forkIn(history: string, left: number): Lsn | null {
  for (const line of history.split('\n')) {
    const [, timeline, lsn = ''] = HISTORY_LINE.exec(line) ?? [];
    if (Number(timeline) === left) return parseLsn(lsn);
  }
  return null;
}

/** What has to be known of a server that is on another timeline than the position. */
export interface TimelineFacts {
  readonly timeline: number;
  /** Where it left the position's timeline; null when it never was on it. */
  readonly fork: Lsn | null;
  /** Null when there is no slot. `synced`: the server itself took it over from its primary (Postgres 17). */
  readonly slot: { readonly synced: boolean } | null;
}

export interface TimelineRequest {
  readonly slotName: string;
  /** A timeline that an operator vouches for: its slot was kept in step with that of the old primary. */
  readonly acceptTimeline: number | null;
}

/**
 * Another timeline of the same cluster is a standby that was promoted, or a backup that was restored. It is safe to go
 * on when all that is in Kafka was written before the fork, and the slot was synchronised: then it holds whatever comes
 * after. A slot that came otherwise (copied as files, made on the standby) may have begun too late.
 * @throws Failure `source.timeline_*`, `source.slot_missing` (stop)
 */
export function checkTimeline(
  position: SourcePosition,
  server: TimelineFacts,
  request: TimelineRequest,
): void {
  const { timeline, fork, slot } = server;
  if (position.timeline === undefined || position.timeline === timeline) return;
  const change = `the server is on timeline ${timeline}, the position of slot ${request.slotName} on ${position.timeline}`;
  if (fork === null)
    throw stop(
      'timeline_foreign',
      `${change}, of which it does not descend: it was restored from another line of backups`,
      afresh(request),
    );
  if (position.endLsn > fork || (position.open !== null && position.open.finalLsn >= fork))
    throw stop(
      'timeline_diverged',
      `${change}, which it left at ${lsnText(fork)}: Kafka has changes up to ${lsnText(position.endLsn)} that this server never had`,
      `${afresh(request)}; with --slot-failover, and synchronized_standby_slots on the primary (Postgres 17), nothing is read before the standby has it`,
    );
  if (slot === null)
    throw stop(
      'slot_missing',
      `${change}, and slot ${request.slotName} does not exist: it was not synchronised before the server was promoted`,
      `${afresh(request)}; --slot-failover, and sync_replication_slots on the standby (Postgres 17), keep it next time`,
    );
  if (!slot.synced && request.acceptTimeline !== timeline)
    throw stop(
      'timeline_changed',
      `${change}: a standby was promoted or a backup restored, and the server did not synchronise slot ${request.slotName} itself`,
      `${afresh(request)}; or, where something else (Patroni) has kept the slot in step with the old primary's, start with --accept-timeline ${timeline}`,
    );
}

function afresh({ slotName }: TimelineRequest): string {
  return `start afresh: drop slot ${slotName} if it exists, and use another slot name and topic prefix`;
}

function stop(code: string, message: string, fix: string): Failure {
  return new Failure(`source.${code}`, 'stop', message, { fix });
}

/** Asks a slot that exists to be kept on the standbys too. It must not be active. Postgres 17. */
export async function keepOnStandbys(walsender: WireConnection, slotName: string): Promise<void> {
  await walsender.query(`ALTER_REPLICATION_SLOT ${identifier(slotName)} (FAILOVER true)`);
}
