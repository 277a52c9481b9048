import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { thisMachine } from '../../infra/local/machine.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { seededRandom } from '../chaos/seeded-random.ts';
import { type ChaosTable, FIRST_KINDS, VERSION_COLUMN } from '../chaos/source/chaos-table.ts';
import { type DatabaseSession, askUntilAnswered, databaseSession } from '../chaos/source/database-session.ts';
import { startRowWriter } from '../chaos/source/row-writer.ts';
import { learnColumns, makeTable } from '../chaos/source/shape-changer.ts';
import { OracleChain, PUBLICATION, SLOT, type Toast } from './chain.ts';
import { compare } from './comparison.ts';
import { EventWriter } from './event-writer.ts';
import { runOracleFaults } from './fault-runner.ts';
import { type OracleServers, startOracleServers } from './oracle-servers.ts';
import { planOracleFaults, planText } from './role-faults.ts';
import { ShapeChanges } from './shape-changes.ts';
import { EVENT_TABLES, EVENT_TABLES_SQL, JOINED_KINDS } from './source-tables.ts';
import { EVENT_MIRRORS, RESULTS, type Target, mirrored } from './targets.ts';
import { bounded } from '../chaos/bounded-time.ts';

const ROW_WRITERS = 2;
/** Between two quiet points. */
const ROUND_SECONDS = 30;
const PROGRESS_MS = 5_000;
/** Rows that are there before the source reads for the first time, beside those that are changed again and again. */
const FIRST_ROWS = 1_000;
/** Tables whose rows have a key: the sink has no place for others. */
const MIRRORED_KINDS = FIRST_KINDS.filter(({ key }) => key.length > 0);

/** Every other seed has the source leave out large values that did not change, and the sink keep them. */
const toastOf = (seed: number): Toast => (seed % 2 === 0 ? 'mark' : 'fill');

export interface OracleRun {
  readonly seed: number;
  readonly seconds: number;
  readonly chaos: boolean;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends the rounds early. */
  readonly signal: AbortSignal;
}

export interface OracleVerdict {
  /** Tables compared, at all quiet points. */
  readonly checks: number;
  readonly mismatches: number;
  readonly problems: readonly string[];
}

export const isOracleRight = ({ checks, mismatches, problems }: OracleVerdict): boolean =>
  checks > 0 && mismatches === 0 && problems.length === 0;

interface Stage {
  readonly run: OracleRun;
  readonly servers: OracleServers;
  readonly chain: OracleChain;
  readonly source: DatabaseSession;
  readonly target: DatabaseSession;
  readonly tables: readonly ChaosTable[];
  readonly events: EventWriter;
  readonly shapes: ShapeChanges;
}

/**
 * Random rows and events in the source, the whole chain behind it in many processes, and, where asked for, faults in all
 * of it. At quiet points every target table must be what Postgres makes of its query over the source.
 */
export async function runOracle(run: OracleRun): Promise<OracleVerdict> {
  const { say, seed, seconds, chaos, clock } = run;
  const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-oracle-'));
  say(`seed ${seed}, ${seconds} s${chaos ? ' with chaos' : ''}, --toast ${toastOf(seed)}, logs in ${folder}`);
  await using servers = await startOracleServers(say);
  await using source = databaseSession(servers.sourceUrl);
  await using target = databaseSession(servers.targetUrl);
  const toast = toastOf(seed);
  const tables = await makeTables(source, clock, toast);
  const published = [...tables.map(({ name }) => name), ...EVENT_TABLES];
  const targets = [...tables.map((table) => mirrorOf(table)), ...EVENT_MIRRORS, ...RESULTS];
  await using chain = await OracleChain.start({ servers, targets, folder, toast, clock, say }, published);
  const random = seededRandom(seed);
  const own = (): (() => number) => seededRandom(Math.floor(random() * 2 ** 32));
  const events = new EventWriter(servers.sourceUrl, own(), clock);
  // What pipelines read of a table is a contract: only tables that are copied change their shape.
  const copied = tables.filter(({ name }) => JOINED_KINDS.every(({ kind }) => kind !== name));
  const shapes = new ShapeChanges(servers.sourceUrl, copied, own(), clock);
  const stage = { run, servers, chain, source, target, tables, events, shapes };
  const found = await rounds(stage, random);
  const problems = [...found.problems, ...(await chain.drain())];
  for (const problem of problems) say(problem);
  const verdict = { ...found, problems };
  if (isOracleRight(verdict)) await rm(folder, { recursive: true, force: true });
  else say(`logs of the roles are in ${folder}, of the servers in ${await servers.keepLogs()}, seed ${seed}`);
  return verdict;
}

async function makeTables(
  session: DatabaseSession,
  clock: Clock,
  toast: Toast,
): Promise<readonly ChaosTable[]> {
  await session.sql(EVENT_TABLES_SQL);
  const tables: ChaosTable[] = [];
  for (const kind of MIRRORED_KINDS) {
    // A row under a new key has no value that could be kept: what was not sent is null there, as documented.
    const canMove = kind.canMove && (toast === 'fill' || kind.kind !== 'toast');
    tables.push(await makeTable(session, clock, { ...kind, canMove }, `t_${kind.kind}`));
  }
  for (const kind of JOINED_KINDS) tables.push(await makeTable(session, clock, kind, kind.kind));
  for (const { name, key, keySql, rows } of tables)
    await session.sql(`INSERT INTO ${name} (${key.join(', ')}) SELECT ${keySql('g').join(', ')}
      FROM generate_series(1, ${rows + FIRST_ROWS}) g`);
  return tables;
}

const mirrorOf = ({ name, key, columns }: ChaosTable, lacking?: ReadonlySet<string>): Target =>
  mirrored(name, key, namesOf(columns), lacking);

const namesOf = (columns: ChaosTable['columns']): string[] => [
  ...columns.map(({ name }) => name),
  VERSION_COLUMN,
];

async function rounds(stage: Stage, random: () => number): Promise<OracleVerdict> {
  const { run } = stage;
  const total = { checks: 0, mismatches: 0 };
  const problems: string[] = [];
  for (let left = run.seconds; left > 0 && !run.signal.aborted; left -= ROUND_SECONDS) {
    await disturb(stage, Math.min(left, ROUND_SECONDS), random);
    const problem = await quiet(stage);
    if (problem !== null) {
      problems.push(`no quiet point: ${problem}`);
      break;
    }
    const found = await compareAll(stage);
    total.checks += found.checks;
    total.mismatches += found.mismatches;
    if (found.mismatches > 0) break;
  }
  return { ...total, problems };
}

/** Writes, and breaks what the seed says. All runs again when it resolves, and nobody writes. */
async function disturb(stage: Stage, seconds: number, random: () => number): Promise<void> {
  const { run, servers, chain, source, target, tables, events, shapes } = stage;
  const { clock, say, chaos } = run;
  const own = (): number => Math.floor(random() * 2 ** 32);
  const plan = planOracleFaults(own(), seconds);
  using time = bounded(clock, seconds * 1_000, run.signal);
  const writers = Array.from({ length: ROW_WRITERS }, () =>
    startRowWriter({ url: servers.sourceUrl, tables, random: seededRandom(own()), clock }),
  );
  const writing = Promise.all([events.run(time.signal), shapes.run(time.signal)]);
  using _progress = clock.every(PROGRESS_MS, () => {
    const rows = writers.reduce((sum, { committed }) => sum + committed, 0);
    say(`${rows} transactions of rows, ${events.committed} of events, ${shapes.done} shape changes`);
  });
  if (chaos) {
    say('plan of faults:');
    for (const line of planText(plan)) say(line);
    const slot = { session: source, slotName: SLOT };
    const broken = { servers: servers.source, fleet: chain.source, ...slot, clock, say };
    const { processors, sinks } = chain;
    const faults = { servers, source: broken, processors, sinks, target, clock, say };
    say(`${await runOracleFaults(plan, faults, time.signal)} faults are over`);
  }
  await clock.sleep(seconds * 1_000, time.signal);
  await writing;
  await Promise.all(writers.map((writer) => writer.stop()));
  chain.processors.start();
  chain.sinks.start();
}

/** All that was written has arrived, then all windows are closed. @returns what did not come to its end */
async function quiet({ run, chain, source, events, shapes }: Stage): Promise<string | null> {
  run.say('nobody writes: waiting until nothing is under way');
  const again = await shapes.backfill(chain.sourceRoleUrl, PUBLICATION);
  if (again.length > 0) run.say(`backfilled after changes of shape: ${again.join(', ')}`);
  const behind = await chain.untilQuiet(source);
  if (behind !== null) return behind;
  await events.close();
  return chain.untilQuiet(source);
}

async function compareAll({ run, source, target, tables }: Stage): Promise<{
  readonly checks: number;
  readonly mismatches: number;
}> {
  const { clock, say } = run;
  const mirrors: Target[] = [];
  for (const table of tables) {
    await learnColumns(source, clock, table);
    const present = await askUntilAnswered(
      target,
      clock,
      `SELECT attname FROM pg_attribute WHERE attrelid = 'public.${table.name}'::regclass AND attnum > 0`,
    );
    const has = new Set(present.map(([name]) => name));
    const lacking = new Set(namesOf(table.columns).filter((name) => !has.has(name)));
    mirrors.push(mirrorOf(table, lacking));
  }
  const targets = [...mirrors, ...EVENT_MIRRORS, ...RESULTS];
  let rows = 0;
  let mismatches = 0;
  for (const each of targets) {
    const found = await compare(each, source, target, clock);
    rows += found.rows;
    mismatches += found.mismatches;
    for (const example of found.examples) say(`  ${example}`);
    if (found.mismatches > 0) say(`${found.table}: ${found.mismatches} of ${found.rows} rows differ`);
  }
  say(`${targets.length} tables compared, ${rows} rows, ${mismatches} mismatches`);
  return { checks: targets.length, mismatches };
}
