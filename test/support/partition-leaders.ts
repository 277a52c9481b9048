import kafkajs, { Kafka, logLevel } from 'kafkajs';
import type { Admin } from 'kafkajs';
import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';

// Node does not find this one among the names of a CommonJS module.
const { KafkaJSProtocolError } = kafkajs;

/** A broker that is frozen takes connections and answers none. */
const ANSWER_MAX_MS = 2_000;

type Target = Pick<KafkaCluster, 'brokers' | 'runTool'>;

interface Partition {
  readonly partitionId: number;
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly isr: readonly number[];
}

/** Leaders and replicas of a topic, by partition number, as kafkajs's own admin client sees them once the broker asked does. */
export async function describePartitions({ brokers }: Target, topic: string): Promise<readonly Partition[]> {
  for (;;) {
    const found = await withAdmin(brokers, async (admin) => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] }).catch((error: unknown) => {
        if (isUnheardOf(error)) return { topics: [] };
        throw error;
      });
      return topics[0]?.partitions;
    });
    if (found !== undefined) return found.toSorted((a, b) => a.partitionId - b.partitionId);
  }
}

/** A topic that one broker has made is not known to all of them at once. */
function isUnheardOf(error: unknown): boolean {
  return error instanceof KafkaJSProtocolError && error.type === 'UNKNOWN_TOPIC_OR_PARTITION';
}

/** Resolves when all replicas of a topic are in sync. */
export async function untilInSync(cluster: Target, topic: string): Promise<void> {
  for (;;) {
    const partitions = await describePartitions(cluster, topic);
    if (partitions.every(({ isr, replicas }) => isr.length === replicas.length)) return;
  }
}

/**
 * Makes a node the leader of a partition: the first of its replicas, then a preferred election.
 * @throws Failure `local.program_failed` when the node is not in sync or does not run
 */
export async function moveLeader(
  cluster: Target,
  topic: string,
  partition: number,
  to: number,
): Promise<void> {
  const described = (await describePartitions(cluster, topic))[partition];
  if (described === undefined) throw new Error(`${topic} has no partition ${partition}`);
  const replicas = [to, ...described.replicas.filter((node) => node !== to)];
  await withAdmin(cluster.brokers, (admin) =>
    admin.alterPartitionReassignments({
      topics: [{ topic, partitionAssignment: [{ partition, replicas }] }],
    }),
  );
  await cluster.runTool('org.apache.kafka.tools.LeaderElectionCommand', [
    '--election-type',
    'preferred',
    '--topic',
    topic,
    '--partition',
    String(partition),
  ]);
}

async function withAdmin<T>(brokers: string, use: (admin: Admin) => Promise<T>): Promise<T> {
  const kafka = new Kafka({
    brokers: brokers.split(','),
    clientId: 'partition-leaders',
    logLevel: logLevel.NOTHING,
    connectionTimeout: ANSWER_MAX_MS,
    requestTimeout: ANSWER_MAX_MS,
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
