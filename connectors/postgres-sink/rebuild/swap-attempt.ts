import type { Client } from 'pg';
import { describe, orderFor } from '../../../infra/process/failure.ts';
import { type TableName, quotedName } from '../target-table.ts';
import { boundObjects } from './bound-objects.ts';
import { readCarried } from './carried-parts.ts';
import { lackingParts } from './lacking-parts.ts';
import type { LiveTable } from './live-table.ts';
import { newIndexes } from './new-table.ts';
import { awaitOlderSnapshots } from './older-snapshots.ts';
import { type RebuildPlan, verifyPlan } from './rebuild-plan.ts';
import { type Standing, isBegunAnew, missing } from './standing.ts';
import { freeze, swap } from './swap.ts';
import type { FillContext, TableFill } from './table-fill.ts';

/** How long records are waited for. Milliseconds. */
const POLL_MAX_MS = 200;
/** While the sink stands still: for what it has written last, and for transactions that began meanwhile. Milliseconds. */
const LAST_FILL_MAX_MS = 2_000;
const LAST_SNAPSHOTS_MAX_MS = 1_000;
/** Before the sink stands still. Milliseconds. */
const SNAPSHOTS_MAX_MS = 5_000;

export interface RebuildRequest {
  readonly sink: string;
  readonly table: TableName;
  readonly dropsOld: boolean;
  readonly acceptsRetention: boolean;
  /** How long the swap is tried, milliseconds. */
  readonly swapTimeoutMs: number;
}

export interface RebuildContext extends FillContext {
  readonly say: (line: string) => void;
}

/** One process's work at a rebuild. */
export interface Run {
  readonly client: Client;
  readonly plan: RebuildPlan;
  readonly request: RebuildRequest;
  readonly context: RebuildContext;
  readonly fill: TableFill;
}

/** @returns why the tables were not swapped, or null: they are */
export async function trySwap(run: Run): Promise<string | null> {
  const { client, plan, request, context, fill } = run;
  const { live, stored, wanted } = plan;
  const parts = await readCarried(client, live);
  const bound = await boundObjects(client, live);
  if ((await lackingParts(client, live, plan.typeChanges)).length > 0) return 'the old table has changed';
  verifyPlan({ ...plan, parts, bound }, request.acceptsRetention);
  const readers = await awaitOlderSnapshots(client, context.clock, SNAPSHOTS_MAX_MS);
  if (readers.length > 0) return readersText(readers);
  try {
    const frozen = await freeze(client, live);
    const standings = await fillUpTo(run, frozen);
    if (missing(standings) > 0) return await undone(client, 'the new table is too far behind the old one');
    const later = await awaitOlderSnapshots(client, context.clock, LAST_SNAPSHOTS_MAX_MS);
    if (later.length > 0) return await undone(client, readersText(later));
    const isSwapped = await swap(client, {
      live,
      parts,
      bound,
      indexes: newIndexes(parts, wanted),
      held: fill.held,
      keptOid: stored?.keptOid ?? null,
      dropsOld: request.dropsOld,
      isBegunAnew: isBegunAnew(standings),
    });
    return isSwapped ? null : 'the old table has changed';
  } catch (error) {
    if (orderFor(error) !== 'retry') throw error;
    const reason = await undone(client, describe(error));
    const holders = await lockHolders(client, live, bound.views);
    return holders.length === 0 ? reason : `${reason}; locks are held by ${namesOf(holders)}`;
  }
}

async function fillUpTo(
  { context, fill }: Run,
  frozen: ReadonlyMap<number, number>,
): Promise<readonly Standing[]> {
  const deadline = context.clock.now() + LAST_FILL_MAX_MS;
  for (;;) {
    const standings = await fill.standings(frozen);
    if (missing(standings) === 0 || context.clock.now() >= deadline) return standings;
    await fill.step(POLL_MAX_MS);
  }
}

async function undone(client: Client, reason: string): Promise<string> {
  await client.query('ROLLBACK');
  return reason;
}

const HOLDERS = `
  SELECT DISTINCT l.pid, coalesce(a.application_name, '') AS application
  FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
  WHERE l.locktype = 'relation' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.pid <> pg_backend_pid() AND l.relation = ANY (SELECT to_regclass(n)::oid FROM unnest($1::text[]) AS n)`;

interface Holder {
  readonly pid: number;
  readonly application: string;
}

/** Who uses the table or one of its views at this moment. */
async function lockHolders(
  client: Client,
  live: LiveTable,
  views: readonly { readonly name: string }[],
): Promise<readonly Holder[]> {
  const names = [quotedName(live.table), ...views.map(({ name }) => name)];
  return (await client.query<Holder>(HOLDERS, [names])).rows;
}

/** Most that are named. */
const NAMED_MAX = 3;

function namesOf(holders: readonly Holder[]): string {
  const names = holders.slice(0, NAMED_MAX).map(({ pid, application }) => `${pid} (${application})`);
  return `pid ${names.join(', ')}${holders.length > NAMED_MAX ? ' and others' : ''}`;
}

function readersText(readers: readonly Holder[]): string {
  return `${readers.length} transaction(s) read an earlier state of the database: ${namesOf(readers)}`;
}
