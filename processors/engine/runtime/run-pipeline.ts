import type { GroupMember, PartitionOffset } from '../../../connectors/kafka/port.ts';
import { backoffMs } from '../../../infra/process/backoff.ts';
import { describe, orderFor } from '../../../infra/process/failure.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { type BadRecordPolicies, DEFAULT_POLICIES } from '../bad-record-policies.ts';
import type { StateQueries } from '../inspection/state-queries.ts';
import { planHash } from '../plan/plan-hash.ts';
import { sourceTopics } from '../plan/planned-topics.ts';
import { type StateHome, memoryHome } from '../state/task-state.ts';
import type { Topology } from '../topology.ts';
import { type ApplicationNames, applicationNames } from './application-names.ts';
import { type Application, type Environment, setUpApplication } from './application.ts';
import { BadRecords } from './bad-records.ts';
import { ChangelogPositions } from './changelog-positions.ts';
import { type ProcessingGuarantee, openCommitChannel } from './commit-channel.ts';
import { Committer } from './committer.ts';
import { deadLetterEncoder } from './dead-letter.ts';
import { GlobalTables } from './global-reader.ts';
import { inspectedSession } from './inspected-session.ts';
import { PendingOutput } from './pending-output.ts';
import { PlanKeeper, keepPlan } from './plan-keeper.ts';
import { ProgressCuts } from './progress-cuts.ts';
import { startPurge } from './repartition-purge.ts';
import { startResultProgress } from './result-progress.ts';
import { waitForSnapshot } from './snapshot-gate.ts';
import { StreamLoop } from './stream-loop.ts';
import { TaskAssignment } from './task-assignment.ts';
import { type TaskFactory, taskFactory } from './task-factory.ts';

export interface PipelineOptions {
  readonly topology: Topology;
  /** Of the deployment: names of topics and of the application begin with it. */
  readonly topicPrefix: string;
  /** Of this process among those that share the work: unique, and the same after a restart. */
  readonly instance: string;
  /**
   * Makes the process a static member of its group, so that after a restart it goes on with its old tasks at once. Give
   * it only an instance that is the same after a restart. Default: a dynamic member.
   */
  readonly groupInstanceId?: string;
  /** Default `exactly_once_v2`. */
  readonly processingGuarantee?: ProcessingGuarantee;
  /** Longest time between two commits while records flow, milliseconds. */
  readonly commitIntervalMs: number;
  /** How many other processes keep a copy of each task's state. Default 0. */
  readonly numStandbyReplicas?: number;
  /** Milliseconds of silence after which the group goes on without this process. */
  readonly sessionTimeoutMs: number;
  /** Milliseconds between two deletions of repartitioned records that are processed. Default 30000. */
  readonly repartitionPurgeIntervalMs?: number;
  /** Asked by others for the state of this process while it runs. Default: nobody asks. */
  readonly queries?: StateQueries;
  /** Where the tasks have their state: opened for each session and disposed of at its end. Default: in memory. */
  readonly openHome?: () => StateHome;
  /** What becomes of records that cannot be processed. Default: they stop the pipeline; dropped ones are counted. */
  readonly badRecords?: BadRecordPolicies;
  readonly random: () => number;
  /** Told why the pipeline does not run yet, or null when it runs. */
  readonly onState: (reason: string | null) => void;
}

const RESTART_BACKOFF = { initialMs: 200, maxMs: 10_000, attemptsMax: Number.POSITIVE_INFINITY };
/** A task waits for all of its inputs: much of one of them, fetched ahead, would only be in memory. */
const FETCH = { bufferedBytesMax: 16 * 1024 * 1024, partitionBytesMax: 256 * 1024 };
/** A session that lasted this long, milliseconds, shows that the cause of earlier failures is gone. */
const HEALTHY_SESSION_MS = 30_000;

/**
 * Runs a pipeline until the signal aborts. An error that orders `retry` or `restart` ends the session: nothing that
 * was not committed is kept, and a new one starts from the committed offsets and the changelogs.
 * @throws Failure of any other order
 */
export async function runPipeline(
  environment: Environment,
  options: PipelineOptions,
  signal: AbortSignal,
): Promise<void> {
  const { clock, log } = environment;
  const names = applicationNames(options.topicPrefix, options.topology.name);
  for (let attempt = 0; !signal.aborted; attempt++) {
    const startedAt = clock.now();
    try {
      await runSession(environment, options, names, signal);
    } catch (error) {
      const order = orderFor(error);
      if (order !== 'retry' && order !== 'restart') throw error;
      if (clock.now() - startedAt > HEALTHY_SESSION_MS) attempt = 0;
      const waitMs = Math.round(backoffMs(RESTART_BACKOFF, attempt, options.random));
      options.onState(`restarting after an error: ${describe(error)}`);
      log.warn(
        { err: error, attempt, waitMs },
        `the session ends, the next starts from what is committed: ${describe(error)}`,
      );
      await clock.sleep(waitMs, signal);
    }
  }
}

async function runSession(
  environment: Environment,
  options: PipelineOptions,
  names: ApplicationNames,
  signal: AbortSignal,
): Promise<void> {
  const { kafka, log } = environment;
  const { topology, topicPrefix, onState } = options;
  const sources = [...sourceTopics(topology.plan, names), progressTopicName(topicPrefix)];
  onState(`waiting for the topics ${sources.join(', ')}`);
  await kafka.waitForTopics(sources, signal);
  if (signal.aborted) return;
  const application = await setUpApplication(
    environment,
    topology,
    names,
    options.badRecords ?? DEFAULT_POLICIES,
    signal,
  );
  onState("waiting for the source's snapshot");
  await waitForSnapshot(kafka, topicPrefix, log, signal);
  if (!signal.aborted) await runMember(application, options, signal);
}

/** Reads, processes and commits as a member of the group. The producer comes first: it ends what an earlier life left open. */
async function runMember(
  application: Application,
  options: PipelineOptions,
  signal: AbortSignal,
): Promise<void> {
  const { kafka, names, clock, log, metrics } = application;
  const { onState, commitIntervalMs } = options;
  const { processingGuarantee = 'exactly_once_v2' } = options;
  const transactionalId = names.transactionalId(options.instance);
  await using channel = await openCommitChannel(processingGuarantee, { kafka, log, transactionalId });
  onState('loading the global tables');
  const globals = new GlobalTables({ ...application, onDrop: metrics.operators.dropped });
  if (!(await globals.load(kafka, signal))) return;
  log.info({ entries: globals.entries }, 'global tables loaded');

  await using home = (options.openHome ?? memoryHome)();
  const cuts = await ProgressCuts.open(kafka, options.topicPrefix, log);
  await using fetcher = kafka.openFetcher(FETCH);
  const pending = new PendingOutput();
  const badRecords = badRecordsOf(application, pending);
  using purge = startPurge(application, options.repartitionPurgeIntervalMs);
  const onCommitted = (offsets: readonly PartitionOffset[]): void => {
    purge.committed(offsets);
    badRecords.committed();
    options.queries?.committed();
  };
  const positions = new ChangelogPositions(names.changelog);
  const committer = new Committer({ channel, pending, positions, clock, metrics, onCommitted });
  const factory = taskFactory(application, globals, pending, badRecords);
  const onRestoring = (): void => onState('restoring state');
  await using assignment = new TaskAssignment({
    application,
    factory,
    globals,
    cuts,
    committer,
    positions,
    fetcher,
    home,
    signal,
    isStateExact: processingGuarantee === 'exactly_once_v2',
    onRestoring,
  });

  using _ = options.queries?.attach(inspectedSession(application, assignment, committer, globals));
  onState('joining the group');
  await using joined = await joinGroup(application, options, factory, assignment, signal);
  using _progress = startResultProgress(application, options.topicPrefix, () => assignment.ownsFirstTask);
  const onRunning = (): void => onState(null);
  await new StreamLoop({
    application,
    group: joined,
    fetcher,
    assignment,
    globals,
    cuts,
    committer,
    pending,
    badRecords,
    commitIntervalMs,
    onRunning,
  }).run(signal);
}

async function joinGroup(
  application: Application,
  options: PipelineOptions,
  factory: TaskFactory,
  assignment: TaskAssignment,
  signal: AbortSignal,
): Promise<GroupMember> {
  const { kafka, names } = application;
  const { sessionTimeoutMs, groupInstanceId } = options;
  return await kafka.joinGroup({
    groupId: names.applicationId,
    topics: factory.inputs.map((inputs) => inputs.map(({ topic }) => topic)),
    strategy: 'co-partitioned',
    planHash: planHash(application.topology.plan),
    taskPositions: () => assignment.positions(),
    standbyReplicas: standbyReplicas(application, options),
    sessionTimeoutMs,
    ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
    listener: new PlanKeeper(assignment, () => keepPlan(application)),
    signal,
  });
}

/** By sub-topology. What has no state needs none. */
function standbyReplicas({ parts }: Application, { numStandbyReplicas = 0 }: PipelineOptions): number[] {
  return parts.map(({ stores }) => (stores.some(({ changelog }) => changelog) ? numStandbyReplicas : 0));
}

function badRecordsOf(
  { names, setup, policies, log, clock }: Application,
  pending: PendingOutput,
): BadRecords {
  const partitions = setup.partitions.get(names.deadLetters);
  const letter =
    partitions === undefined ? null : deadLetterEncoder(names.deadLetters, partitions, names.applicationId);
  return new BadRecords({ policies, pending, letter, log, clock });
}
