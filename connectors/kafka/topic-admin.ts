import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { REQUEST_RETRY } from './cluster.ts';
import type { Cluster } from './cluster.ts';
import type { Connections } from './connections.ts';
import { ERROR, check, failureOf } from './error-code.ts';
import type { Kafka, TopicSpec } from './port.ts';

/** Milliseconds that the controller may take to create topics. */
const CREATE_TIMEOUT_MS = 15_000;
/** Milliseconds between two looks for a topic that somebody else creates. */
const WATCH_INTERVAL_MS = 250;
/** A topic that was just created reaches all brokers' metadata within moments. */
const SPREAD_RETRY: BackoffPolicy = { initialMs: 10, maxMs: 250, attemptsMax: 80 };
const TOPIC_RESOURCE = 2;
const CLEANUP_POLICY = 'cleanup.policy';

export type TopicAdmin = Pick<Kafka, 'ensureTopics' | 'partitionCount' | 'waitForTopics'>;

export function topicAdmin(cluster: Cluster, connections: Connections, clock: Clock): TopicAdmin {
  return {
    async ensureTopics(topics) {
      if (topics.length === 0) return;
      const names = topics.map(({ name }) => name);
      const found = await cluster.retry(REQUEST_RETRY, () => cluster.refresh(names));
      const missing = topics.filter(
        ({ name }) => found.get(name)?.errorCode === ERROR.unknownTopicOrPartition,
      );
      if (missing.length > 0)
        await cluster.retry(REQUEST_RETRY, () => createTopics(cluster, connections, missing));
      const counts = await cluster.retry(SPREAD_RETRY, () => readCounts(cluster, names));
      for (const { name, partitions } of topics) {
        const actual = counts.get(name) ?? 0;
        if (actual !== partitions) throw drift(name, `${partitions} partitions`, `${actual}`);
      }
      await verifyCleanupPolicies(cluster, connections, topics);
    },

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
    check(errorCode, `reading the metadata of topic ${topic}`);
    if (leaders.includes(-1))
      throw failureOf(ERROR.leaderNotAvailable, `reading the metadata of topic ${topic}`);
    counts.set(topic, leaders.length);
  }
  return counts;
}

async function missingTopics(cluster: Cluster, topics: readonly string[]): Promise<readonly string[]> {
  try {
    const found = await cluster.refresh(topics);
    return topics.filter((topic) => found.get(topic)?.errorCode !== ERROR.none);
  } catch (error) {
    if (orderFor(error) !== 'retry') throw error;
    return topics;
  }
}

async function createTopics(
  cluster: Cluster,
  connections: Connections,
  topics: readonly TopicSpec[],
): Promise<void> {
  await cluster.refresh([]);
  const answer = await connections.call<{
    readonly topicErrors: readonly {
      readonly topic: string;
      readonly errorCode: number;
      readonly errorMessage: string | null;
    }[];
  }>(cluster.controller(), 'CreateTopics', 3, {
    timeout: CREATE_TIMEOUT_MS,
    validateOnly: false,
    topics: topics.map(({ name, partitions, config }) => ({
      topic: name,
      numPartitions: partitions,
      replicationFactor: -1,
      configEntries: Object.entries(config).map(([key, value]) => ({ name: key, value })),
    })),
  });
  for (const { topic, errorCode, errorMessage } of answer.topicErrors)
    if (errorCode !== ERROR.topicAlreadyExists)
      check(errorCode, `creating topic ${topic}${errorMessage === null ? '' : ` (${errorMessage})`}`);
}

async function verifyCleanupPolicies(
  cluster: Cluster,
  connections: Connections,
  topics: readonly TopicSpec[],
): Promise<void> {
  const wanted = new Map(
    topics.flatMap(({ name, config }) => {
      const policy = config[CLEANUP_POLICY];
      return policy === undefined ? [] : [[name, policy] as const];
    }),
  );
  if (wanted.size === 0) return;
  const actual = await cluster.retry(SPREAD_RETRY, () =>
    readCleanupPolicies(cluster, connections, [...wanted.keys()]),
  );
  for (const [name, policy] of wanted) {
    const found = actual.get(name) ?? '';
    if (normalPolicy(found) !== normalPolicy(policy)) throw drift(name, `${CLEANUP_POLICY}=${policy}`, found);
  }
}

async function readCleanupPolicies(
  cluster: Cluster,
  connections: Connections,
  topics: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const answer = await connections.call<{
    readonly resources: readonly {
      readonly errorCode: number;
      readonly resourceName: string;
      readonly configEntries: readonly { readonly configName: string; readonly configValue: string | null }[];
    }[];
  }>(cluster.controller(), 'DescribeConfigs', 2, {
    resources: topics.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: [CLEANUP_POLICY] })),
  });
  return new Map(
    answer.resources.map(({ errorCode, resourceName, configEntries }) => {
      check(errorCode, `reading the configuration of topic ${resourceName}`);
      return [resourceName, configEntries[0]?.configValue ?? ''] as const;
    }),
  );
}

const normalPolicy = (policy: string): string =>
  policy
    .split(',')
    .map((part) => part.trim())
    .toSorted()
    .join(',');

function drift(topic: string, wanted: string, found: string): Failure {
  return new Failure('kafka.topic_drift', 'stop', `topic ${topic} should have ${wanted}, it has ${found}`, {
    fix: 'change the plan or the topic; a topic that others read is never altered from here',
  });
}
