import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { applicationNames } from '../../../processors/engine/runtime/application-names.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { copyProgress } from '../copy-progress.ts';
import { BatchWriter } from './batch-writer.ts';
import type { Batch } from './batches.ts';
import { createInputs, inputEncoders } from './input-topics.ts';
import { runJoinFaults } from './join-fault-runner.ts';
import { PROCESSORS, planJoinFaults, planText } from './join-faults.ts';
import { startJoinServers } from './join-servers.ts';
import { type Stage, finish, fleetOf, watchedOf } from './join-stage.ts';
import { type JoinOutcome, isJoinRight, judgeJoin } from './join-verdict.ts';
import { PREFIX, topicsOf } from './pipeline-topics.ts';
import { PARTITIONS } from './topics.ts';
import { bounded } from '../bounded-time.ts';

const POSITION_TOPIC = `${PREFIX}.position`;
const WRITER_ID = `${PREFIX}-writer`;
const PROGRESS_MS = 5_000;
const HEADER = [
  'inputs: events up to the grace of every window behind the newest one, all topics in one transaction under one commit',
  'time. A task takes the lowest event time of inputs that it has read to their ends, and rows before the events that',
  'were committed with them or later: so no event is late, whatever is slow, and one answer alone is right.',
];

export interface JoinScenario {
  readonly seconds: number;
  readonly seed: number;
  readonly clock: Clock;
  /** One line for a person. */
  readonly say: (line: string) => void;
  /** Ends the faults early. */
  readonly signal: AbortSignal;
}

/**
 * Runs joins and aggregates in three processes of one group while these are killed, frozen, replaced, cut off and scaled,
 * and brokers restarted; then in one process that nobody disturbs. What either has put out, read with a client that is
 * not ours, must be what an oracle makes of the inputs.
 */
export async function runJoinScenario(scenario: JoinScenario): Promise<JoinOutcome> {
  const { say, seed, seconds, clock } = scenario;
  const folder = await mkdtemp(join(thisMachine().tmpFolder, 'millrace-chaos-'));
  say(`seed ${seed}, ${seconds} s, ${PROCESSORS} processors, logs in ${folder}`);
  for (const line of HEADER) say(line);
  await using servers = await startJoinServers(say);
  const brokers = servers.cluster.brokers.split(',');
  await using kafka = await connectKafka({ brokers, clientId: 'chaos', log: silentLog, clock });
  const stage = { servers, kafka, folder, clock, say };
  const disturbed = await disturb(scenario, stage);
  const calm = await leaveAlone(stage);
  say('reading every topic back, read-committed, with kcat');
  const read = { brokers: servers.cluster.brokers, registryUrl: servers.registryUrl, prefix: PREFIX, say };
  const verdict = await judgeJoin(read, disturbed.batches);
  const outcome = { ...verdict, problems: [...verdict.problems, ...disturbed.problems, ...calm] };
  for (const problem of outcome.problems) say(problem);
  if (isJoinRight(outcome)) await rm(folder, { recursive: true, force: true });
  else
    say(
      `logs of the processors are in ${folder}, those of the servers in ${await servers.keepLogs()}, seed ${seed}`,
    );
  return outcome;
}

async function disturb(
  scenario: JoinScenario,
  stage: Stage,
): Promise<{ readonly batches: readonly Batch[]; readonly problems: readonly string[] }> {
  const { clock, say, seed, seconds, signal } = scenario;
  const { servers, kafka } = stage;
  const fleet = fleetOf('disturbed', PROCESSORS, stage);
  const registry = connectRegistry({ url: servers.registryUrl, clientId: 'chaos' });
  await createInputs(kafka, PREFIX, POSITION_TOPIC);
  const encoders = await inputEncoders(registry, PREFIX);
  await fleet.scale(PROCESSORS);
  const onTrouble = (error: unknown): void => say(`writer: ${describe(error).split('\n')[0]}`);
  const writing = { encoders, transactionalId: WRITER_ID, positionTopic: POSITION_TOPIC, onTrouble };
  const writer = new BatchWriter({ kafka, clock, seed, ...writing });
  const watched = watchedOf('disturbed', stage);
  using _progress = clock.every(PROGRESS_MS, () => {
    copyProgress(watched).then(
      (progress) => say(`${writer.written} batches written, ${progress}`),
      () => say(`${writer.written} batches written; the group's progress cannot be told now`),
    );
  });
  const schedule = planJoinFaults(seed, seconds);
  for (const line of planText(schedule)) say(line);
  const names = applicationNames(PREFIX, 'disturbed');
  const processors = Array.from({ length: PROCESSORS }, (_, i) => names.transactionalId(`p${i + 1}`));
  const targets = {
    cluster: servers.cluster,
    fleet,
    groupId: names.applicationId,
    transactionalIds: [...processors, WRITER_ID],
    topics: topicsOf('disturbed').map((name) => ({ name, partitions: PARTITIONS })),
    clock,
    say,
  };
  using time = bounded(clock, seconds * 1_000, signal);
  const faults = await runJoinFaults(schedule, targets, time.signal);
  await clock.sleep(seconds * 1_000, time.signal);
  say(`${faults} faults are over, the processors catch up`);
  await fleet.scale(PROCESSORS);
  const batches = await writer.stop();
  return { batches, problems: await finish(fleet, watched) };
}

/** The same inputs from their beginning, in one process. @returns what did not come to its end */
async function leaveAlone(stage: Stage): Promise<readonly string[]> {
  const fleet = fleetOf('undisturbed', 1, stage);
  stage.say('the same inputs, undisturbed, in one process');
  await fleet.scale(1);
  return finish(fleet, watchedOf('undisturbed', stage));
}
