import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { onTopic } from './access.ts';
import { REQUEST_RETRY } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import { alterConfigsRequest, readConfigs } from './config-admin.ts';
import type { BrokerAddress, Connections } from './connections.ts';
import { ERROR, check, checkAll, failureOf } from './error-code.ts';
import type { Admin, TopicConfig, TopicPlan, TopicSpec } from './port.ts';
import { comparedConfigs, driftFailure, topicPlan, wantedConfig } from './topic-plan.ts';
import type { TopicState } from './topic-plan.ts';

/** Milliseconds that the controller may take to create topics. */
const CREATE_TIMEOUT_MS = 15_000;
/** Milliseconds between two looks for a topic that somebody else creates. */
const WATCH_INTERVAL_MS = 250;
/** A topic that was just created reaches all brokers' metadata within moments. */
const SPREAD_RETRY: BackoffPolicy = { initialMs: 10, maxMs: 250, attemptsMax: 80 };
/** Asks the broker for its own default. */
const DEFAULT_REPLICATION_FACTOR = -1;

export type TopicAdmin = Pick<
  Admin,
  'planTopics' | 'applyTopicPlan' | 'ensureTopics' | 'partitionCount' | 'waitForTopics' | 'describeConfigs'
>;

/** What planning needs of the port. */
interface Client {
  readonly cluster: Cluster;
  readonly connections: Connections;
}

export function topicAdmin(cluster: Cluster, connections: Connections, clock: Clock): TopicAdmin {
  const client = { cluster, connections };
  return {
    planTopics: (topics) => planTopics(client, topics),
    applyTopicPlan: (plan) => applyTopicPlan(client, plan),
    ensureTopics: async (topics) => applyTopicPlan(client, await planTopics(client, topics)),

    async partitionCount(topic) {
      const counts = await partitionCounts(cluster, [topic]);
      return counts.get(topic) ?? 0;
    },

    async waitForTopics(topics, signal) {
      while (!signal.aborted && topics.length > 0) {
        const missing = await missingTopics(cluster, topics);
        if (missing.length === 0) return;
        await clock.sleep(WATCH_INTERVAL_MS, signal);
      }
    },

    async describeConfigs(topic) {
      await partitionCounts(cluster, [topic]);
      const configs = await askController(client, SPREAD_RETRY, (controller) =>
        readConfigs(connections, controller, [{ topic, names: [] }]),
      );
      return configs.get(topic) ?? new Map<string, TopicConfig>();
    },
  };
}

/**
 * Partition counts of topics that exist.
 * @throws Failure `kafka.topic_missing` (stop)
 */
export async function partitionCounts(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const found = await cluster.retry(REQUEST_RETRY, () => cluster.refresh(topics));
  const missing = topics.filter((topic) => found.get(topic)?.errorCode === ERROR.unknownTopicOrPartition);
  if (missing.length > 0)
    throw new Failure('kafka.topic_missing', 'stop', `there is no topic ${missing.join(', ')}`, {
      fix: 'create it, or start what writes it first',
    });
  return cluster.retry(REQUEST_RETRY, () => readCounts(cluster, topics));
}

/** @throws Failure of order `retry` while a topic is not known to the broker that was asked */
async function readCounts(cluster: Cluster, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  const found = await cluster.refresh(topics);
  const counts = new Map<string, number>();
  for (const [topic, { errorCode, leaders }] of found) {
    check(errorCode, metadataOf(topic), onTopic('Describe', topic));
    if (leaders.includes(-1)) throw failureOf(ERROR.leaderNotAvailable, metadataOf(topic));
    counts.set(topic, leaders.length);
  }
  return counts;
}

const metadataOf = (topic: string): string => `reading the metadata of topic ${topic}`;

async function missingTopics(cluster: Cluster, topics: readonly string[]): Promise<readonly string[]> {
  try {
    const found = await cluster.refresh(topics);
    return topics.filter((topic) => {
      const { errorCode = ERROR.unknownTopicOrPartition } = found.get(topic) ?? {};
      if (errorCode === ERROR.none) return false;
      const failure = failureOf(errorCode, metadataOf(topic), onTopic('Describe', topic));
      if (failure.order === 'retry') return true;
      throw cluster.explained(failure);
    });
  } catch (error) {
    if (orderFor(error) !== 'retry') throw error;
    return topics;
  }
}

async function planTopics(client: Client, topics: readonly TopicSpec[]): Promise<TopicPlan> {
  if (topics.length === 0) return { create: [], alter: [], drift: [] };
  const plan = topicPlan(topics, await readStates(client, topics));
  if (plan.create.length > 0) await createTopics(client, plan.create, true);
  if (plan.alter.length > 0) await alterTopics(client, plan.alter, true);
  return plan;
}

async function applyTopicPlan(client: Client, { create, alter, drift }: TopicPlan): Promise<void> {
  if (drift.length > 0) throw driftFailure(drift);
  if (alter.length > 0) await alterTopics(client, alter, false);
  if (create.length === 0) return;
  const raced = await createTopics(client, create, false);
  const { cluster } = client;
  await cluster.retry(SPREAD_RETRY, () =>
    readCounts(
      cluster,
      create.map(({ name }) => name),
    ),
  );
  if (raced.size === 0) return;
  const second = await planTopics(
    client,
    create.filter(({ name }) => raced.has(name)),
  );
  if (second.drift.length > 0) throw driftFailure(second.drift);
  if (second.alter.length > 0) await alterTopics(client, second.alter, false);
}

/** The topics that exist, as they are. */
async function readStates(
  client: Client,
  topics: readonly TopicSpec[],
): Promise<ReadonlyMap<string, TopicState>> {
  const { cluster, connections } = client;
  const found = await cluster.retry(REQUEST_RETRY, async () => {
    const metadata = await cluster.refresh(topics.map(({ name }) => name));
    for (const [topic, { errorCode }] of metadata)
      if (errorCode !== ERROR.unknownTopicOrPartition)
        check(errorCode, metadataOf(topic), onTopic('Describe', topic));
    return metadata;
  });
  const existing = topics.filter(({ name }) => found.get(name)?.errorCode === ERROR.none);
  const wanted = existing
    .map((spec) => ({ topic: spec.name, names: comparedConfigs(spec) }))
    .filter(({ names }) => names.length > 0);
  const configs = await askController(client, SPREAD_RETRY, (controller) =>
    readConfigs(connections, controller, wanted),
  );
  return new Map(
    existing.map(({ name }) => {
      const { leaders = [], replicationFactor = 0 } = found.get(name) ?? {};
      const config = configs.get(name) ?? new Map<string, TopicConfig>();
      return [name, { partitions: leaders.length, replicationFactor, config }];
    }),
  );
}

interface CreateTopicsAnswer {
  readonly topicErrors: readonly {
    readonly topic: string;
    readonly errorCode: number;
    readonly errorMessage: string | null;
  }[];
}

/** Resolves with the topics that were there already, be it from an earlier try whose answer was lost. */
async function createTopics(
  client: Client,
  topics: readonly TopicSpec[],
  validateOnly: boolean,
): Promise<ReadonlySet<string>> {
  const raced = new Set<string>();
  await askController(client, REQUEST_RETRY, async (controller) => {
    const answer = await client.connections.call<CreateTopicsAnswer>(controller, 'CreateTopics', 3, {
      timeout: CREATE_TIMEOUT_MS,
      validateOnly,
      topics: topics.map((spec) => ({
        topic: spec.name,
        numPartitions: spec.partitions,
        replicationFactor: spec.replicationFactor ?? DEFAULT_REPLICATION_FACTOR,
        configEntries: Object.entries(wantedConfig(spec)).map(([name, value]) => ({ name, value })),
      })),
    });
    const refused = answer.topicErrors.filter(({ topic, errorCode }) => {
      if (errorCode === ERROR.topicAlreadyExists) raced.add(topic);
      return errorCode !== ERROR.topicAlreadyExists;
    });
    for (const { topic, errorCode } of refused)
      if (errorCode === ERROR.invalidReplicationFactor && !namesFactor(topics, topic))
        throw tooFewBrokers(topic);
    checkAll(
      refused.map(({ topic, ...rest }) => ({
        what: `creating topic ${topic}`,
        needs: onTopic('Create', topic),
        ...rest,
      })),
    );
  });
  return raced;
}

const namesFactor = (topics: readonly TopicSpec[], topic: string): boolean =>
  topics.find(({ name }) => name === topic)?.replicationFactor !== undefined;

/** The cluster's own default is meant for all its brokers: one that is down comes back. */
function tooFewBrokers(topic: string): Failure {
  const { code, message } = failureOf(ERROR.invalidReplicationFactor, `creating topic ${topic}`);
  return new Failure(code, 'retry', `${message}: fewer brokers are up than default.replication.factor`, {
    fix: 'start the brokers that are down, or lower default.replication.factor',
  });
}

function alterTopics(client: Client, alter: TopicPlan['alter'], validateOnly: boolean): Promise<void> {
  return askController(client, SPREAD_RETRY, (controller) =>
    client.connections.send(controller, alterConfigsRequest(alter, validateOnly)),
  );
}

/** Asks the controller of the moment: it may move, and its broker may die, between two tries. */
function askController<T>(
  { cluster }: Client,
  policy: BackoffPolicy,
  ask: (controller: BrokerAddress) => Promise<T>,
): Promise<T> {
  return cluster.retry(policy, async () => {
    await cluster.refresh([]);
    return ask(cluster.controller());
  });
}
