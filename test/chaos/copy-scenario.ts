import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectKafka } from '../../connectors/kafka/kafka.ts';
import type { Kafka, TopicPartition } from '../../connectors/kafka/port.ts';
import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import { startKafkaCluster } from '../../infra/local/start-kafka-cluster.ts';
import type { ClusterRequest } from '../../infra/local/kafka-cluster.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import { silentLog } from '../../infra/process/log.ts';
import { compare, compareWritten } from './comparison.ts';
import { copierSlot } from './copier-process.ts';
import type { CopierSlot } from './copier-process.ts';
import { copyProgress, untilCopied, untilStable } from './copy-progress.ts';
import { runFaults } from './fault-runner.ts';
import { COPIERS, SESSION_TIMEOUT_MS, planFaults } from './fault-schedule.ts';
import { foreignReader } from './foreign-reader.ts';
import { seededRandom } from './seeded-random.ts';
import { startWriter } from './writer.ts';
import type { Writer } from './writer.ts';
import { bounded } from './bounded-time.ts';

const PROGRESS_MS = 10_000;
/** Without faults a copier that works is done in seconds; one that waits for an answer that never comes, in 30 s more. */
const CATCH_UP_MAX_MS = 120_000;
const STABLE_MAX_MS = 30_000;
const TOPICS = { input: { name: 'input', partitions: 6 }, output: { name: 'output', partitions: 6 } };
const GROUP_ID = 'copy';

export interface CopyScenario {
  readonly provider: ClusterRequest['provider'];
  readonly seconds: number;
  readonly seed: number;
  /** Copiers that commit offsets outside of their transactions: the comparison must find what they duplicate. */
  readonly isBroken: boolean;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends the faults early. */
  readonly signal: AbortSignal;
}

/** What was found. */
export interface Verdict {
  readonly records: number;
  readonly lost: number;
  readonly duplicated: number;
  /** What else is wrong, one line each. */
  readonly problems: readonly string[];
}

/**
 * Copies a topic to another one exactly once while brokers and copiers are killed, frozen and moved, then reads both
 * back with a client that is not ours.
 */
export async function runCopyScenario(scenario: CopyScenario): Promise<Verdict> {
  const { say, clock, provider, seed, seconds } = scenario;
  const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-chaos-'));
  say(`seed ${seed}, ${seconds} s, ${COPIERS} copiers, logs in ${folder}`);
  await using cluster = await startKafkaCluster({ provider, onProgress: say });
  await using kafka = await connectKafka({
    brokers: cluster.brokers.split(','),
    clientId: 'chaos',
    log: silentLog,
    clock,
  });
  await kafka.ensureTopics(Object.values(TOPICS).map((topic) => ({ ...topic, config: {} })));
  const verdict = await judge(scenario, cluster, await breakThings(scenario, cluster, kafka, folder));
  for (const problem of verdict.problems) say(problem);
  if (isRight(verdict)) await rm(folder, { recursive: true, force: true });
  else
    say(
      `logs of the copiers are in ${folder}, those of the brokers in ${await cluster.keepLogs()}, seed ${seed}`,
    );
  return verdict;
}

export const isRight = ({ lost, duplicated, problems }: Verdict): boolean =>
  lost === 0 && duplicated === 0 && problems.length === 0;

interface Course {
  readonly writer: Writer;
  /** What did not come to its end, one line each. */
  readonly problems: readonly string[];
}

async function breakThings(
  scenario: CopyScenario,
  cluster: KafkaCluster,
  kafka: Kafka,
  folder: string,
): Promise<Course> {
  const { clock, say, seed, seconds, signal } = scenario;
  const random = seededRandom(seed);
  const watched = {
    kafka,
    clock,
    groupId: GROUP_ID,
    input: partitionsOf(TOPICS.input),
    output: partitionsOf(TOPICS.output),
  };
  const copiers = startCopiers(scenario, cluster, folder);
  const writer = startWriter({
    kafka,
    clock,
    random,
    topic: TOPICS.input.name,
    partitions: TOPICS.input.partitions,
    onTrouble: (error) => say(`writer: ${describe(error).split('\n')[0]}`),
  });
  using _progress = clock.every(PROGRESS_MS, () => {
    copyProgress(watched).then(
      (progress) => say(`${writer.acknowledged.size} records written, ${progress}`),
      () => say(`${writer.acknowledged.size} records written; the copy's progress cannot be told now`),
    );
  });
  const targets = {
    cluster,
    copiers,
    groupId: GROUP_ID,
    transactionalIds: copiers.map(({ transactionalId }) => transactionalId),
    topics: Object.values(TOPICS),
    clock,
    say,
  };
  using time = bounded(clock, seconds * 1_000, signal);
  const faults = await runFaults(planFaults(seed, seconds), targets, time.signal);
  say(`${faults} faults are over, the copiers catch up`);
  await writer.stop();
  const behind = await untilCopied(watched, CATCH_UP_MAX_MS);
  const ends = await Promise.all(copiers.map((copier) => copier.drain()));
  const open = await untilStable(watched, STABLE_MAX_MS);
  // A copier that is still starting has no handler of signals yet.
  const hung = ends.flatMap((how, index) =>
    how === 'exit code 0' || how === 'SIGTERM' ? [] : [`copier ${index + 1} did not end in order: ${how}`],
  );
  return { writer, problems: [behind, open, ...hung].filter((problem) => problem !== null) };
}

function startCopiers(
  { clock, say, seed, isBroken }: CopyScenario,
  cluster: KafkaCluster,
  folder: string,
): readonly CopierSlot[] {
  const settings = {
    kafkaBootstrapServers: cluster.brokers,
    groupId: GROUP_ID,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    isBroken,
    input: TOPICS.input.name,
    output: TOPICS.output.name,
    outputPartitions: TOPICS.output.partitions,
  };
  return Array.from({ length: COPIERS }, (_, index) => {
    const number = index + 1;
    const onEnd = (how: string): void =>
      say(`copier ${number} ended by itself (${how}) and is started again`);
    const slot = copierSlot({ number, seed, folder, clock, settings, onEnd });
    slot.start();
    return slot;
  });
}

async function judge(
  { say }: CopyScenario,
  cluster: KafkaCluster,
  { writer, problems }: Course,
): Promise<Verdict> {
  const reader = foreignReader(cluster);
  say(`reading both topics back, read-committed, with ${reader.name}`);
  const input = await reader.read(TOPICS.input.name);
  const output = await reader.read(TOPICS.output.name);
  const written = compareWritten(writer.acknowledged, writer.aborted, input);
  const copied = compare(input, output);
  say(
    `input: ${input.length} records, ${writer.acknowledged.size} acknowledged, ` +
      `${written.lost} of them lost, ${written.duplicated} written twice, ${written.alien} aborted and there`,
  );
  say(
    `output: ${output.length} records, ${copied.lost} lost, ${copied.duplicated} duplicated, ` +
      `${copied.alien} of no input, ${copied.altered} altered, ${copied.disordered} out of order`,
  );
  const others = written.alien + copied.alien + copied.altered + copied.disordered;
  return {
    records: copied.records,
    lost: copied.lost + written.lost,
    duplicated: copied.duplicated + written.duplicated,
    problems: [
      ...problems,
      ...written.examples,
      ...copied.examples,
      ...(others === 0 ? [] : [`${others} records are aborted, altered or out of order`]),
    ],
  };
}

const partitionsOf = ({ name, partitions }: (typeof TOPICS)['input']): TopicPartition[] =>
  Array.from({ length: partitions }, (_, partition) => ({ topic: name, partition }));
