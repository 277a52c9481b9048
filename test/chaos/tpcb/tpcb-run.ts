import type { Client } from 'pg';
import { connect, createDatabase, dropDatabase } from '../../../infra/local/demo/databases.ts';
import type { Stack } from '../../../infra/local/stack.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { untilNothing } from '../copy-progress.ts';
import type { Random } from '../fault-lane.ts';
import { seededRandom } from '../seeded-random.ts';
import { Findings } from '../findings.ts';
import { bounded } from '../bounded-time.ts';
import { Auditor } from './auditor.ts';
import { BANK_TABLE_NAMES, bankSql } from './bank.ts';
import { LedgerKeeper } from './ledger-keeper.ts';
import { type Load, type LoadOptions, ownLoad } from './load.ts';
import { MIRRORS } from './mirror.ts';
import { compareQuietTables } from './quiet-comparison.ts';
import { runSinkFaults } from './sink-fault-runner.ts';
import type { SinkLane } from './tpcb-faults.ts';
import { type Roles, startRoles } from './tpcb-roles.ts';

const START_MAX_MS = 90_000;
const PROGRESS_MS = 5_000;
/** Two for each mirror, each with a branch of its own. */
const KEEPERS = 2 * MIRRORS.length;
const LOAD = { writers: 3, branches: { first: KEEPERS + 1, count: 3 } };

export interface TpcbRun {
  readonly servers: Pick<Stack, 'kafkaBrokers' | 'registryUrl' | 'sourceUrl' | 'targetUrl'>;
  /** First part of the names of databases, topics and groups: lower-case letters, digits and _. */
  readonly prefix: string;
  /** Of the logs. */
  readonly folder: string;
  readonly lanes: readonly SinkLane[];
  readonly seconds: number;
  /** Between two quiet points. */
  readonly roundMs: number;
  readonly seed: number;
  readonly loadOf?: (options: LoadOptions) => Load;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends it early, with its last comparison. */
  readonly signal: AbortSignal;
}

/** What was found. */
export interface TpcbVerdict {
  /** On the source. */
  readonly transactions: number;
  /** Reader transactions on a target, and tables that were compared at quiet points. */
  readonly checks: number;
  /** Accounts that were compared with their history at an LSN, while others wrote. */
  readonly accounts: number;
  readonly wrong: number;
  readonly faults: number;
  readonly quietPoints: number;
  /** What is wrong, one line each. */
  readonly problems: readonly string[];
}

/** A clean run, in which something was checked. */
export const isTpcbRight = ({ wrong, checks, accounts, problems }: TpcbVerdict): boolean =>
  wrong === 0 && problems.length === 0 && checks > 0 && accounts > 0;

/**
 * pgbench's TPC-B on a source whose tables two sinks mirror, while these are killed, paused, replaced and doubled. Readers
 * wait for what they have written, then find balances and histories that agree, in every transaction; at quiet points each
 * table is equal to its origin.
 */
export async function runTpcb(run: TpcbRun): Promise<TpcbVerdict> {
  const { servers, prefix } = run;
  await using cleanUp = new AsyncDisposableStack();
  const sourceUrl = await createDatabase(servers.sourceUrl, `${prefix}_bank`);
  cleanUp.defer(() => dropDatabase(servers.sourceUrl, `${prefix}_bank`));
  const targetUrl = await createDatabase(servers.targetUrl, `${prefix}_mirror`);
  cleanUp.defer(() => dropDatabase(servers.targetUrl, `${prefix}_mirror`));
  const source = await connect(sourceUrl);
  cleanUp.defer(() => source.end());
  const target = await connect(targetUrl);
  cleanUp.defer(() => target.end());
  const watcher = await connect(targetUrl);
  cleanUp.defer(() => watcher.end());
  await source.query(bankSql(LOAD.branches.first - 1 + LOAD.branches.count));
  for (const { name } of MIRRORS) await target.query(`CREATE SCHEMA ${name}`);
  const roles = startRoles(run, sourceUrl, targetUrl);
  try {
    return await observe(run, { source, target, watcher, sourceUrl, targetUrl, roles });
  } finally {
    await roles.drain();
  }
}

interface Stage {
  readonly source: Client;
  readonly target: Client;
  /** Another session with it, for the faults. */
  readonly watcher: Client;
  readonly sourceUrl: string;
  readonly targetUrl: string;
  readonly roles: Roles;
}

async function observe(run: TpcbRun, stage: Stage): Promise<TpcbVerdict> {
  const { clock, say, seconds, seed, signal, lanes, loadOf = ownLoad } = run;
  const { source, target, watcher, sourceUrl, targetUrl, roles } = stage;
  const random = seededRandom(seed);
  const own = (): Random => seededRandom(Math.floor(random() * 2 ** 32));
  const findings = new Findings();
  const load = loadOf({ sourceUrl, ...LOAD, random: own(), clock });
  const common = { sourceUrl, targetUrl, findings };
  const keepers = [false, true]
    .flatMap((isAsynchronous) => MIRRORS.map((mirror) => ({ mirror, isAsynchronous })))
    .map((of, i) => new LedgerKeeper({ ...common, ...of, bid: i + 1, random: own() }));
  const auditors = MIRRORS.filter(({ metaColumns }) => metaColumns).map(
    (mirror) => new Auditor({ mirror, targetUrl, findings, clock }),
  );
  // The first copies are made beside the load, too.
  await during(load, () => untilTold(target, clock));
  const sum = (of: (reader: LedgerKeeper | Auditor) => number): number =>
    [...keepers, ...auditors].reduce((total, reader) => total + of(reader), 0);
  using _progress = clock.every(PROGRESS_MS, () =>
    say(
      `${sum((r) => r.readings)} reader transactions, ${sum((r) => r.compared)} accounts compared, ${findings.of('wrong')} wrong`,
    ),
  );
  using time = bounded(clock, seconds * 1_000, signal);
  let [compared, quietPoints] = [0, 0];
  const compareQuiet = async (): Promise<void> => {
    compared += await compareQuietTables(source, target, findings);
    say(`quiet point ${++quietPoints}: ${compared} comparisons, ${findings.of('wrong')} wrong`);
  };
  const rounds = async (): Promise<void> => {
    while (!time.signal.aborted) {
      using round = bounded(clock, run.roundMs, time.signal);
      await Promise.all([load(round.signal), ...keepers.map((keeper) => keeper.run(round.signal))]);
      await compareQuiet();
    }
  };
  const targets = { fleets: roles.fleets, target: watcher, clock, say };
  const breaking = runSinkFaults(lanes, targets, time.signal);
  const [faults] = await Promise.all([
    breaking,
    rounds(),
    ...auditors.map((auditor) => auditor.run(time.signal)),
  ]);
  await compareQuiet();
  const [written] = (await source.query<{ n: number }>('SELECT count(*)::int AS n FROM pgbench_history'))
    .rows;
  await roles.drain();
  return {
    transactions: written?.n ?? 0,
    checks: sum((r) => r.readings) + compared,
    accounts: sum((r) => r.compared),
    wrong: findings.of('wrong'),
    faults,
    quietPoints,
    problems: [...findings.examples, ...roles.problems()],
  };
}

/** Loads until the work is over. */
async function during(load: Load, work: () => Promise<void>): Promise<void> {
  const over = new AbortController();
  await Promise.all([work().finally(() => over.abort()), load(over.signal)]);
}

/** @throws Failure `chaos.not_started` when the tables have come to nothing in time */
async function untilTold(target: Client, clock: Clock): Promise<void> {
  const expected = MIRRORS.length * BANK_TABLE_NAMES.length;
  const missing = await untilNothing(clock, START_MAX_MS, async () => {
    const { rows } = await target.query<{ known: number }>(
      'SELECT count(lsn)::int AS known FROM millrace.progress',
    );
    const known = rows[0]?.known ?? 0;
    return known === expected ? null : `${known} of ${expected} tables say what they stand for`;
  });
  if (missing !== null) throw new Failure('chaos.not_started', 'stop', missing);
}
