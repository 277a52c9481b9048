import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { untilNothing } from '../copy-progress.ts';
import { NumberedWriter } from '../numbered-writer.ts';
import { ProcessFleet } from '../process-fleet.ts';
import { flagsOf } from '../process-slot.ts';
import { seededRandom } from '../seeded-random.ts';
import { type DatabaseSession, databaseSession } from '../source/database-session.ts';
import { tablesSql } from './applied-log.ts';
import { changeEncoder, createTopics } from './change-writer.ts';
import { type Change, changesOf } from './changes.ts';
import { offsetsBehind } from './sink-catch-up.ts';
import { runSinkFaults } from './sink-fault-runner.ts';
import { SESSION_TIMEOUT_MS, SINKS, STATIC_SINKS, planSinkFaults, planText } from './sink-faults.ts';
import { type SinkServers, startSinkServers } from './sink-servers.ts';
import { PREFIX, TABLES } from './sink-tables.ts';
import { type SinkVerdict, isSinkRight, judgeSink } from './sink-verdict.ts';
import { bounded } from '../bounded-time.ts';

const PROGRAM = fileURLToPath(new URL('../../../connectors/postgres-sink/main.ts', import.meta.url));
const LINE_CUTTER = new URL('../line-cutter.ts', import.meta.url).href;
const POSITION_TOPIC = `${PREFIX}.position`;
const WRITER_ID = `${PREFIX}-writer`;
const SINK_NAME = 'sink';
const PROGRESS_MS = 5_000;
/** Small, so that a poll is many transactions. */
const BATCH_ROWS = 100;
const BEGIN_MAX_MS = 60_000;
/** On a machine that others use too. A dead line alone takes a sink more than a minute. */
const CATCH_UP_MAX_MS = 240_000;

export interface SinkScenario {
  readonly seconds: number;
  readonly seed: number;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends the faults early. */
  readonly signal: AbortSignal;
}

/**
 * Three processes of one sink write topics into tables while they are killed, frozen, replaced and scaled, their lines
 * cut at COMMIT, and Postgres and brokers restarted. Then the tables must be what was committed to the topics, and a log
 * that triggers have written must tell no version of a row twice, out of order, or from an aborted transaction.
 */
export async function runSinkScenario(scenario: SinkScenario): Promise<SinkVerdict> {
  const { say, seed, seconds, clock } = scenario;
  const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-chaos-'));
  say(`seed ${seed}, ${seconds} s, ${SINKS} sinks, logs in ${folder}`);
  await using servers = await startSinkServers(say);
  const brokers = servers.cluster.brokers.split(',');
  await using kafka = await connectKafka({ brokers, clientId: 'chaos', log: silentLog, clock });
  await using session = databaseSession(servers.url);
  await session.sql(tablesSql());
  const { changes, problems } = await disturb(scenario, { servers, kafka, session, folder });
  const verdict = await judgeSink(session, changes, say);
  const outcome = { ...verdict, problems: [...problems, ...verdict.problems] };
  for (const problem of outcome.problems) say(problem);
  if (isSinkRight(outcome)) await rm(folder, { recursive: true, force: true });
  else
    say(
      `logs of the sinks are in ${folder}, those of the servers in ${await servers.keepLogs()}, seed ${seed}`,
    );
  return outcome;
}

interface Stage {
  readonly servers: SinkServers;
  readonly kafka: Kafka;
  /** Past the relays. */
  readonly session: DatabaseSession;
  /** Of the sinks' logs. */
  readonly folder: string;
}

async function disturb(
  scenario: SinkScenario,
  stage: Stage,
): Promise<{ readonly changes: Iterable<Change>; readonly problems: readonly string[] }> {
  const { clock, say, seed, seconds, signal } = scenario;
  const { servers, kafka, session } = stage;
  await createTopics(kafka, POSITION_TOPIC);
  const encode = await changeEncoder(connectRegistry({ url: servers.registryUrl, clientId: 'chaos' }));
  const fleet = fleetOf(scenario, stage);
  await fleet.scale(SINKS);
  const writer = new NumberedWriter({
    kafka,
    transactionalId: WRITER_ID,
    positionTopic: POSITION_TOPIC,
    random: seededRandom(seed),
    clock,
    recordsOf: (number, timestamp) => encode(changesOf(seed, number), timestamp),
    decoysOf: (number, timestamp) => encode(changesOf(seed + 1, number), timestamp),
    onTrouble: (error) => say(`writer: ${describe(error).split('\n')[0]}`),
  });
  using _progress = clock.every(PROGRESS_MS, () => {
    const told = `${writer.written} transactions written`;
    offsetsBehind(kafka, session, SINK_NAME).then(
      (behind) => say(`${told}, ${behind.reduce((sum, { records }) => sum + records, 0)} offsets behind`),
      () => say(`${told}; how far the sinks are cannot be told now`),
    );
  });
  // Before the sinks have begun hardly a fault meets anything.
  await untilNothing(clock, BEGIN_MAX_MS, async () => {
    const [[applied] = []] = await session.sql('SELECT count(*) FROM public.applied');
    return applied !== '0' || signal.aborted ? null : 'nothing is applied';
  });
  const schedule = planSinkFaults(seed, seconds);
  for (const line of planText(schedule)) say(line);
  const targets = {
    ...servers,
    fleet,
    session,
    groupId: `${PREFIX}-${SINK_NAME}`,
    transactionalIds: [WRITER_ID],
    topics: TABLES.map(({ topic, partitions }) => ({ name: topic, partitions })),
    clock,
    say,
  };
  using time = bounded(clock, seconds * 1_000, signal);
  const faults = await runSinkFaults(schedule, targets, time.signal);
  await clock.sleep(seconds * 1_000, time.signal);
  const written = await writer.stop();
  say(`${faults} faults are over, the sinks catch up with ${written} transactions`);
  await fleet.scale(SINKS);
  const behind = await untilNothing(clock, CATCH_UP_MAX_MS, async () => {
    const partitions = await offsetsBehind(kafka, session, SINK_NAME);
    return partitions.length === 0 ? null : `behind: ${partitions.map(({ where }) => where).join('; ')}`;
  });
  say('the sinks are asked to end');
  await fleet.drain();
  const changes = Array.from({ length: written }, (_, number) => changesOf(seed, number)).flat();
  return { changes, problems: [...(behind === null ? [] : [behind]), ...fleet.problems] };
}

function fleetOf({ clock, say }: SinkScenario, { servers, folder }: Stage): ProcessFleet {
  return new ProcessFleet({
    name: 'sink',
    size: SINKS,
    program: PROGRAM,
    nodeArgs: ['--import', LINE_CUTTER],
    args: (number) =>
      flagsOf({
        databaseUrl: servers.relays[number - 1]?.url ?? '',
        kafkaBootstrapServers: servers.cluster.brokers,
        schemaRegistryUrl: servers.registryUrl,
        topicPrefix: PREFIX,
        sinkName: SINK_NAME,
        ...(number <= STATIC_SINKS ? { instance: `s${number}` } : {}),
        tables: TABLES.map(({ name }) => `public.${name}=public.${name}`).join(),
        sessionTimeoutMs: SESSION_TIMEOUT_MS,
        batchRows: BATCH_ROWS,
      }),
    logFile: (number) => join(folder, `sink-${number}.log`),
    clock,
    say,
  });
}
