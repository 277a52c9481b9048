import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { positionTopicName, tableTopicName } from '../../../connectors/postgres-source/shapes/topics.ts';
import { sourceRoleSql } from '../../../connectors/postgres-source/source-role.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { untilNothing, untilStable } from '../copy-progress.ts';
import { seededRandom } from '../seeded-random.ts';
import { type ChaosTable, FIRST_KINDS, VERSIONS_SQL } from './chaos-table.ts';
import { type DatabaseSession, askUntilAnswered, databaseSession } from './database-session.ts';
import { type RowWriter, startRowWriter } from './row-writer.ts';
import { type ShapeChanger, learnColumns, makeTable, startShapeChanger } from './shape-changer.ts';
import { behindGoal } from './source-catch-up.ts';
import { runSourceFaults } from './source-fault-runner.ts';
import { planSourceFaults } from './source-faults.ts';
import { type SourceFleet, sourceFleet } from './source-fleet.ts';
import { type SourceServers, startSourceServers, urlWith } from './source-servers.ts';
import { type SourceVerdict, judgeSource } from './source-verdict.ts';
import { bounded } from '../bounded-time.ts';

const PROGRESS_MS = 5_000;
const WRITERS = 3;
const SLOT_MAX_MS = 60_000;
/** Ten minutes leave a gigabyte of WAL behind where others use the processors too. */
const CATCH_UP_MAX_MS = 600_000;
const STABLE_MAX_MS = 40_000;
const NAMES = { user: 'chaos_source', slotName: 'chaos', publicationName: 'millrace' };
const PASSWORD = 'signs-backfills';
const TOPIC_PREFIX = 'chaos';
const PARTITIONS = 4;
/** Small, so that large transactions are split and copies have many chunks. */
const FLAGS = {
  'chunk-rows-max': '500',
  'batch-bytes-max': String(256 * 1024),
  'topic-prefix': TOPIC_PREFIX,
  'slot-name': NAMES.slotName,
  'publication-name': NAMES.publicationName,
  partitions: String(PARTITIONS),
};
/** Rows of a table that has only just been made, beside those that are changed again and again. */
const FIRST_ROWS = 3_000;

export interface SourceScenario {
  readonly seconds: number;
  readonly seed: number;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends the faults early. */
  readonly signal: AbortSignal;
}

/** What was found, and what else is wrong, one line each. */
export interface ScenarioVerdict extends Pick<SourceVerdict, 'rows'> {
  readonly lost: number;
  readonly duplicated: number;
  readonly stale: number;
  readonly problems: readonly string[];
}

/**
 * Streams tables while their rows and shapes change by chance, tables are added and backfilled, and the source, its
 * lines, Postgres, Kafka and the registry are killed, frozen and cut. Then every topic, read with a client that is not
 * ours and folded by key, must be its table.
 */
export async function runSourceScenario(scenario: SourceScenario): Promise<ScenarioVerdict> {
  const { say, seed, seconds } = scenario;
  const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-chaos-'));
  say(`seed ${seed}, ${seconds} s, ${WRITERS} writers, logs in ${folder}`);
  await using servers = await startSourceServers(say);
  const url = urlWith(servers.postgres.url, { database: 'chaos' });
  const tables = await makeDatabase(scenario, servers.postgres.url, url);
  await using session = databaseSession(url);
  const verdict = await breakAndJudge(scenario, { servers, session, url, tables, folder });
  for (const problem of verdict.problems) say(problem);
  if (isSourceRight(verdict)) await rm(folder, { recursive: true, force: true });
  else
    say(
      `logs of the source are in ${folder}, those of the servers in ${await servers.keepLogs()}, seed ${seed}`,
    );
  return verdict;
}

export const isSourceRight = ({ lost, duplicated, stale, problems }: ScenarioVerdict): boolean =>
  lost + duplicated + stale === 0 && problems.length === 0;

interface Stage {
  readonly servers: SourceServers;
  readonly session: DatabaseSession;
  /** A superuser's, of the source database, past the relay. */
  readonly url: string;
  readonly tables: ChaosTable[];
  readonly folder: string;
}

async function makeDatabase(
  { clock }: SourceScenario,
  serverUrl: string,
  url: string,
): Promise<ChaosTable[]> {
  await using server = databaseSession(serverUrl);
  await server.sql('CREATE DATABASE chaos');
  await using session = databaseSession(url);
  await session.sql(VERSIONS_SQL);
  const tables: ChaosTable[] = [];
  for (const kind of FIRST_KINDS) tables.push(await makeTable(session, clock, kind, `t_${kind.kind}`));
  for (const { name, key, keySql, rows } of tables) {
    const [columns, values] =
      key.length === 0 ? ['note', "'first' || g"] : [key.join(', '), keySql('g').join(', ')];
    await session.sql(
      `INSERT INTO ${name} (${columns}) SELECT ${values} FROM generate_series(1, ${rows + FIRST_ROWS}) g`,
    );
  }
  await session.sql(
    'UPDATE t_toast SET body = repeat(md5(id::text), 200); UPDATE t_full SET body = repeat(md5(id::text), 150)',
  );
  await session.sql(sourceRoleSql({ ...NAMES, tables: tables.map(({ name }) => `public.${name}`) }));
  await session.sql(`ALTER ROLE ${NAMES.user} PASSWORD '${PASSWORD}'`);
  return tables;
}

async function breakAndJudge(scenario: SourceScenario, stage: Stage): Promise<ScenarioVerdict> {
  const { clock, say, seed, seconds, signal } = scenario;
  const { servers, session, url, tables, folder } = stage;
  const roleUrl = urlWith(url, { user: NAMES.user, password: PASSWORD });
  const flags = {
    ...FLAGS,
    'database-url': urlWith(roleUrl, { port: new URL(servers.relay.url).port }),
    'kafka-bootstrap-servers': servers.cluster.brokers,
    'schema-registry-url': servers.registry.url,
  };
  await using fleet = sourceFleet({ folder, flags, clock, say });
  const random = seededRandom(seed);
  const own = (): (() => number) => seededRandom(Math.floor(random() * 2 ** 32));
  fleet.start();
  const writers = Array.from({ length: WRITERS }, () =>
    startRowWriter({ url, tables, random: own(), clock }),
  );
  const changer = startShapeChanger({ url, roleUrl, names: NAMES, tables, random: own(), clock, say });
  using _progress = clock.every(PROGRESS_MS, () => void tellProgress(say, session, writers, changer));
  await untilSlot(session, clock, signal);
  const targets = { servers, fleet, session, slotName: NAMES.slotName, clock, say };
  using time = bounded(clock, seconds * 1_000, signal);
  const faults = await runSourceFaults(planSourceFaults(seed, seconds), targets, time.signal);
  await clock.sleep(seconds * 1_000, time.signal);
  say(`${faults} faults are over, the source catches up`);
  await changer.stop();
  for (const writer of writers) await writer.stop();
  const problems = await quiesce(scenario, stage, fleet);
  for (const table of tables) await learnColumns(session, clock, table);
  say('reading every topic back, read-committed, with kcat');
  const judged = { session, brokers: servers.cluster.brokers, registryUrl: servers.registry.url };
  const verdict = await judgeSource({
    ...judged,
    topicPrefix: TOPIC_PREFIX,
    tables,
    logs: fleet.logs(),
    say,
  });
  return asVerdict(verdict, [...fleet.problems, ...problems]);
}

/** Without a slot all that is written is only copied in the end, and hardly a fault meets anything. */
async function untilSlot(session: DatabaseSession, clock: Clock, signal: AbortSignal): Promise<void> {
  const made = async (): Promise<string | null> => {
    const [[count] = []] = await session.sql('SELECT count(*) FROM pg_replication_slots');
    return count === '1' || signal.aborted ? null : 'the source has made no slot';
  };
  await untilNothing(clock, SLOT_MAX_MS, made);
}

/** Waits until the source has published everything, and ends it in order. @returns what did not come to its end */
async function quiesce({ clock }: SourceScenario, stage: Stage, fleet: SourceFleet): Promise<string[]> {
  const { servers, session, tables } = stage;
  const goal = await finalGoal(session, clock);
  const topic = positionTopicName(TOPIC_PREFIX);
  const behind = await untilNothing(clock, CATCH_UP_MAX_MS, () =>
    behindGoal(servers.cluster.brokers, topic, goal),
  );
  const ends = await fleet.drain();
  const hung = ends
    .filter((how) => how !== 'exit code 0')
    .map((how) => `a source did not end in order: ${how}`);
  const brokers = servers.cluster.brokers.split(',');
  await using kafka = await connectKafka({ brokers, clientId: 'chaos', log: silentLog, clock });
  const output = tables.flatMap(({ name, key }) =>
    Array.from({ length: key.length === 0 ? 1 : PARTITIONS }, (_, partition) => ({
      topic: tableTopicName(TOPIC_PREFIX, { schema: 'public', table: name }),
      partition,
    })),
  );
  const open = await untilStable({ kafka, clock, output }, STABLE_MAX_MS);
  return [behind, open, ...hung].filter((problem) => problem !== null);
}

/** The end of the WAL now, and every table that is published. */
async function finalGoal(session: DatabaseSession, clock: Clock): Promise<{ lsn: bigint; tables: number[] }> {
  const ask = async (text: string): Promise<string[]> =>
    (await askUntilAnswered(session, clock, text)).map(([value]) => value ?? '');
  const [lsn = '0'] = await ask("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn");
  const tables = await ask(`SELECT format('%I.%I', schemaname, tablename)::regclass::oid
    FROM pg_publication_tables WHERE pubname = '${NAMES.publicationName}'`);
  return { lsn: BigInt(lsn), tables: tables.map(Number) };
}

async function tellProgress(
  say: (line: string) => void,
  session: DatabaseSession,
  writers: readonly RowWriter[],
  changer: ShapeChanger,
): Promise<void> {
  const sum = (of: (writer: RowWriter) => number): number =>
    writers.reduce((total, writer) => total + of(writer), 0);
  const done = `${sum((writer) => writer.committed)} transactions, ${sum((writer) => writer.statements)} statements`;
  const shapes = `${changer.changes} shape changes, ${changer.added} tables added, ${changer.backfills} backfills`;
  const behind = await session
    .sql(`SELECT pg_size_pretty(pg_current_wal_lsn() - confirmed_flush_lsn) FROM pg_replication_slots`)
    .then(([row]) => `${row?.[0] ?? 'no slot'} behind`)
    .catch((error: unknown) => `no answer: ${describe(error)}`);
  say(`${done}, ${shapes}; the source is ${behind}`);
}

function asVerdict({ rows, records, findings }: SourceVerdict, problems: readonly string[]): ScenarioVerdict {
  const named = ['lost', 'duplicated', 'stale'];
  const others = [...findings.counts].filter(([kind]) => !named.includes(kind));
  return {
    rows,
    lost: findings.of('lost'),
    duplicated: findings.of('duplicated'),
    stale: findings.of('stale'),
    problems: [
      ...problems,
      ...findings.examples,
      ...others.map(([kind, count]) => `${count} records of ${records} are ${kind}`),
    ],
  };
}
