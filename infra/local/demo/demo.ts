import type { Client } from 'pg';
import type { Clock } from '../../process/clock.ts';
import type { Machine } from '../machine.ts';
import { type RunFolder, createRunFolder } from '../run-folder.ts';
import { stackRequest } from '../stack-options.ts';
import { startStack } from '../start-stack.ts';
import { Chain, type ChainPlace } from './chain.ts';
import { connect, createDatabase, dropDatabase } from './databases.ts';
import { load, loadAtRate } from './loader.ts';
import { watch } from './live-view.ts';
import type { DemoOptions } from './options.ts';
import { TARGET_PROOFS, prove } from './proof.ts';
import { quietPoint } from './quiet-point.ts';
import { SOURCE_TABLES, SOURCE_TABLES_SQL } from './source-tables.ts';
import { loadDataset } from './superstore.ts';
import { tryItText } from './try-it.ts';
import { planWorkload } from './workload.ts';

/** Part of the days that is in the source before Millrace starts. */
const BEFORE_SHARE = 0.25;
const FIRST_ROW_POLL_MS = 50;
const QUIET_MAX_MS = 120_000;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

/**
 * The main job on real data, from nothing to the proof. Resolves with the number of mismatches; rejects with the
 * signal's reason when it aborts before.
 */
export async function runDemo(options: DemoOptions, machine: Machine, signal: AbortSignal): Promise<number> {
  const { clock } = machine;
  const data = await loadDataset(options.seed);
  say(`data: ${data.origin}`);
  const workload = planWorkload(data, BEFORE_SHARE);
  await using cleanUp = new AsyncDisposableStack();
  const stack = cleanUp.use(await startStack(stackRequest(options, say), machine));
  const run = cleanUp.adopt(await createRunFolder(machine), (folder) => folder.remove());
  // On servers that others use too, a name of this run's own.
  const name = stack.provider === 'external' ? `superstore_${process.pid}` : 'superstore';
  const place = await preparePlace(stack, name, cleanUp);
  const source = await connect(place.sourceUrl);
  cleanUp.defer(() => source.end());
  const target = await connect(place.targetUrl);
  cleanUp.defer(() => target.end());
  await source.query(SOURCE_TABLES_SQL);
  await load(source, workload.before, signal);
  say(
    `source: ${SOURCE_TABLES.length} tables, ${workload.before.length} transactions are in before Millrace starts`,
  );
  const chain = cleanUp.use(new Chain(place, run, machine));
  chain.startAll();
  const mismatches = await keepingLogs(run, signal, async () => {
    const quiet = (): Promise<void> =>
      quietPoint(place, source, clock, QUIET_MAX_MS, () => checkAlive(chain, signal), say);
    await firstRows(chain, target, clock, signal);
    // What the snapshot began is done first, so that the view shows the latency of live changes alone.
    await quiet();
    say(
      `\nlive: ${workload.live.length} transactions in the order in which they happened, ${options.rate} a second`,
    );
    await watch(chain, clock, say, async () => {
      await loadAtRate(source, workload.live, options.rate, clock, signal);
      await quiet();
    });
    return showProof(source, target);
  });
  if (options.keep && !signal.aborted) {
    say(tryItText(place));
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }
  return mismatches;
}

/** @throws the signal's reason, or Failure `role.exited` */
function checkAlive(chain: Chain, signal: AbortSignal): void {
  signal.throwIfAborted();
  chain.assertRunning();
}

/** When the job fails, the roles' logs stay and their place is said. */
async function keepingLogs(run: RunFolder, signal: AbortSignal, job: () => Promise<number>): Promise<number> {
  try {
    const mismatches = await job();
    if (mismatches > 0) say(`logs: ${await run.keepLogs()}`);
    return mismatches;
  } catch (error) {
    if (!signal.aborted) say(`logs: ${await run.keepLogs()}`);
    throw error;
  }
}

interface Servers {
  readonly kafkaBrokers: string;
  readonly registryUrl: string;
  readonly sourceUrl: string;
  readonly targetUrl: string;
}

/** Two databases and a topic prefix of this run's own, so that runs do not disturb each other. */
async function preparePlace(
  servers: Servers,
  run: string,
  cleanUp: AsyncDisposableStack,
): Promise<ChainPlace> {
  const sourceUrl = await createDatabase(servers.sourceUrl, `${run}_shop`);
  cleanUp.defer(() => dropDatabase(servers.sourceUrl, `${run}_shop`));
  const targetUrl = await createDatabase(servers.targetUrl, `${run}_analytics`);
  cleanUp.defer(() => dropDatabase(servers.targetUrl, `${run}_analytics`));
  return {
    kafkaBrokers: servers.kafkaBrokers,
    registryUrl: servers.registryUrl,
    sourceUrl,
    targetUrl,
    topicPrefix: run,
  };
}

/** Shows the first joined rows as soon as they are in the target. */
async function firstRows(chain: Chain, target: Client, clock: Clock, signal: AbortSignal): Promise<void> {
  const columns = 'order_id, order_date::text, ship_date::text, days_to_ship, customer_name';
  for (;;) {
    checkAlive(chain, signal);
    const { rows: tables } = await target.query(
      `SELECT 1 FROM pg_tables WHERE tablename = 'order_fulfilment'`,
    );
    if (tables.length > 0) {
      const { rows } = await target.query<Record<string, unknown>>(
        `SELECT ${columns} FROM order_fulfilment ORDER BY order_date, order_id LIMIT 5`,
      );
      if (rows.length > 0) {
        say(`\nfirst joined row in the target ${process.uptime().toFixed(1)} s after the start:`);
        for (const row of rows) say(`  ${Object.values(row).join(' | ')}`);
        return;
      }
    }
    await clock.sleep(FIRST_ROW_POLL_MS, signal);
  }
}

async function showProof(source: Client, target: Client): Promise<number> {
  say('\nproof: each target table against the SQL over the source tables that it stands for');
  let mismatches = 0;
  for (const proof of TARGET_PROOFS) {
    const result = await prove(proof, source, target);
    mismatches += result.mismatches;
    say(`  ${result.target}: ${result.rows} rows, ${result.mismatches} mismatches`);
    for (const example of result.examples) say(`    ${example}`);
  }
  say(mismatches === 0 ? `equal: 0 mismatches` : `NOT equal: ${mismatches} mismatches`);
  return mismatches;
}
