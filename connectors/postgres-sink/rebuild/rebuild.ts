import type { Client } from 'pg';
import { type BackoffPolicy, backoffMs, retry } from '../../../infra/process/backoff.ts';
import { hasPassed } from '../../../infra/process/clock.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { plainName, quotedName } from '../target-table.ts';
import { type TargetSession, openTarget } from '../target-session.ts';
import { readCarried } from './carried-parts.ts';
import { type FillPace, fillText } from './fill-report.ts';
import { type LiveTable, findLiveTable } from './live-table.ts';
import { completeNewTable, createNewTable } from './new-table.ts';
import { lackingParts } from './lacking-parts.ts';
import { type RebuildPlan, planRebuild, verifyPlan } from './rebuild-plan.ts';
import { siblingTable } from './rebuild-names.ts';
import { createRebuildTable, discardRebuild, readRebuild, storeCaughtUp } from './rebuild-table.ts';
import { missing, shareOf } from './standing.ts';
import { storedOffsets } from './swap.ts';
import { type RebuildContext, type RebuildRequest, type Run, trySwap } from './swap-attempt.ts';
import { type FillContext, TableFill } from './table-fill.ts';

/** Of one statement: an index over a large table takes its time. Milliseconds. */
const STATEMENT_MAX_MS = 6 * 3_600_000;
/** How long records are waited for. Milliseconds. */
const POLL_MAX_MS = 200;
/** Between two looks at how far both tables are. Milliseconds. */
const LOOK_MS = 1_000;
/** Between two lines about how the filling goes. Milliseconds. */
const TELL_MS = 5_000;
const BACKOFF: BackoffPolicy = { initialMs: 200, maxMs: 5_000, attemptsMax: Number.POSITIVE_INFINITY };

/** Of the whole, where the database goes away; the rows' own session has its patience besides. */
const RESTARTS: BackoffPolicy = { initialMs: 200, maxMs: 5_000, attemptsMax: 30 };

/** How soon the server notices that the client of a long statement is gone. Milliseconds. */
const CLIENT_CHECK_MS = 1_000;
const LOCK_NOT_AVAILABLE = '55P03';

/** A session for everything but the rows. Long statements are its business. */
export async function openRebuildSession(
  context: Pick<FillContext, 'databaseUrl' | 'log' | 'clock'>,
): Promise<TargetSession> {
  const { databaseUrl, log, clock } = context;
  const applicationName = 'millrace-rebuild';
  const statementMaxMs = STATEMENT_MAX_MS;
  const session = await openTarget({ databaseUrl, applicationName, log, clock, statementMaxMs });
  // a process that is killed must not go on with its statement, or hold its lock
  await session.client.query(
    `SELECT set_config('client_connection_check_interval', '${CLIENT_CHECK_MS}', false)
     WHERE current_setting('server_version_num')::int >= 140000`,
  );
  return session;
}

/**
 * One rebuild of a table at a time: the lock is the session's, and goes with it.
 * @throws Failure `rebuild.under_way` (stop)
 */
async function lockRebuild(client: Client, live: LiveTable): Promise<void> {
  // waits for the lock_timeout of the session: one that was killed may take a moment to go
  const name = `millrace rebuild ${quotedName(live.table)}`;
  await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [name]).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === LOCK_NOT_AVAILABLE)) throw error;
    throw new Failure(
      'rebuild.under_way',
      'stop',
      `another process rebuilds ${plainName(live.table)} at this moment`,
      {
        cause: error,
        fix: "wait for it; SELECT pid FROM pg_stat_activity WHERE application_name = 'millrace-rebuild' finds it",
      },
    );
  });
}

/**
 * Fills a new table beside the old one and puts it in its place. What it does is stored, so that after any interruption the
 * same call goes on.
 * @throws Failure `rebuild.*` (stop), and what the filling throws
 */
export async function rebuild(request: RebuildRequest, context: RebuildContext): Promise<void> {
  const { kafka, registry, clock, random, say } = context;
  const { sink, table } = request;
  let newOid: string | null = null;
  const onRetry = (error: unknown): void => say(`begins again where it was: ${describe(error)}`);
  await retry(RESTARTS, { clock, random, onRetry }, async () => {
    await using session = await openRebuildSession(context);
    const { client } = session;
    const plan = await planRebuild(client, kafka, registry, sink, table);
    await lockRebuild(client, plan.live);
    // a COMMIT whose answer was lost
    if (newOid !== null && plan.live.oid === newOid) return;
    await createRebuildTable(client);
    await fillAndSwap(client, plan, request, context, (oid) => (newOid = oid));
  });
}

/**
 * Drops what a rebuild that is under way has filled.
 * @returns whether there was one
 */
export async function abortRebuild(
  { sink, table }: Pick<RebuildRequest, 'sink' | 'table'>,
  context: RebuildContext,
): Promise<boolean> {
  await using session = await openRebuildSession(context);
  const { client } = session;
  const live = await findLiveTable(client, sink, table);
  await lockRebuild(client, live);
  const stored = await readRebuild(client, live);
  if (stored === null || stored.newOid === null) return false;
  await discardRebuild(client, live, stored.newOid);
  return true;
}

async function fillAndSwap(
  client: Client,
  plan: RebuildPlan,
  request: RebuildRequest,
  context: RebuildContext,
  onBegun: (newOid: string | null) => void,
): Promise<void> {
  verifyPlan(plan, request.acceptsRetention);
  const { live, stage, stored, parts, wanted } = plan;
  if (stage.kind === 'restart') await discardRebuild(client, live, stored?.newOid ?? null);
  if (stage.kind !== 'resume') await createNewTable(client, live, parts, wanted);
  onBegun((await readRebuild(client, live))?.newOid ?? null);
  await using fill = new TableFill(live, context);
  const run = { client, plan, request, context, fill };
  await fill.locate();
  await catchUp(run);
  await complete(run);
  const name = quotedName(siblingTable(live.table, '__rebuild'));
  context.say('analyzing');
  await client.query(`VACUUM (ANALYZE) ${name}`);
  await swapIn(run);
}

/** Until the new table has all that the old one has. @throws Failure `rebuild.too_slow` (stop) */
async function catchUp({ client, plan, context, fill }: Run): Promise<void> {
  const { clock, say } = context;
  const { live, deleteRetentionMs } = plan;
  let pace: FillPace | null = null;
  let records = 0;
  let toldAt = clock.now();
  for (;;) {
    await fill.locate();
    const standings = await fill.standings(await storedOffsets(client, live));
    const share = shareOf(standings);
    pace ??= { startedMs: clock.now(), doneAtStart: share.done };
    const stored = await readRebuild(client, live);
    if (stored !== null && stored.behindForMs >= deleteRetentionMs) throw tooSlow(plan, stored.behindForMs);
    if (standings.every(({ own, stable }) => own >= stable)) await storeCaughtUp(client, live);
    const isDone = missing(standings) === 0;
    if (isDone || hasPassed(clock.now(), toldAt, TELL_MS)) {
      if (!isDone || records > 0) say(fillText(share, records, pace, clock.now()));
      toldAt = clock.now();
    }
    if (isDone) return;
    const until = clock.now() + LOOK_MS;
    let came = 0;
    do records += came = await fill.step(POLL_MAX_MS);
    while (came > 0 && clock.now() < until);
  }
}

function tooSlow({ live, deleteRetentionMs }: RebuildPlan, behindForMs: number): Failure {
  return new Failure(
    'rebuild.too_slow',
    'stop',
    `${plainName(live.table)} was filled for ${behindForMs} ms, and topic ${live.topic} keeps deletions for ` +
      `${deleteRetentionMs} ms: some may not have been seen`,
    { fix: 'raise delete.retention.ms of the topic, and run the same command again: it begins anew' },
  );
}

/** Indexes and foreign keys, and what came meanwhile. @throws Failure `rebuild.table_changed` (stop) */
async function complete(run: Run): Promise<void> {
  const { client, plan, context } = run;
  await run.fill.follow();
  const lacking = await lackingParts(client, plan.live, plan.typeChanges);
  if (lacking.length > 0) throw changedMeanwhile(plan, lacking);
  const parts = await readCarried(client, plan.live);
  await completeNewTable(client, plan.live, parts, plan.wanted, context.say);
  await catchUp(run);
}

function changedMeanwhile({ live }: RebuildPlan, lacking: readonly string[]): Failure {
  return new Failure(
    'rebuild.table_changed',
    'stop',
    `${plainName(live.table)} was altered since its rebuild began; the new table lacks: ${lacking.join('; ')}`,
    { fix: 'give this rebuild up with --abort and begin another one' },
  );
}

/** Tries the swap until nothing stands in the way of it. @throws Failure `rebuild.swap_blocked` (stop) */
async function swapIn(run: Run): Promise<void> {
  const { clock, random, say } = run.context;
  const deadline = clock.now() + run.request.swapTimeoutMs;
  let told = '';
  for (let attempt = 0; ; attempt++) {
    const reason = await trySwap(run);
    if (reason === null) return;
    if (reason !== told) say(`the swap waits: ${reason}`);
    told = reason;
    if (clock.now() >= deadline) throw blocked(run, reason);
    await clock.sleep(backoffMs(BACKOFF, attempt, random));
    await complete(run);
  }
}

function blocked({ plan }: Run, reason: string): Failure {
  return new Failure(
    'rebuild.swap_blocked',
    'stop',
    `the new table of ${plainName(plan.live.table)} is filled, but could not be swapped in: ${reason}`,
    {
      fix: 'end the transactions that are in the way, then run the same command again: it goes on from here',
    },
  );
}
