import { randomBytes } from 'node:crypto';
import { expect, inject } from 'vitest';
import { Cluster } from '../../../connectors/kafka/cluster.ts';
import { Connections } from '../../../connectors/kafka/connections.ts';
import { type Subscription, decodeSubscription } from '../../../connectors/kafka/group-protocol.ts';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type {
  ConsumerRecord,
  GroupMember,
  Kafka,
  ProducerRecord,
  TopicPartition,
} from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type {} from '../../support/global-stack.ts';

const DELETE_TIMEOUT_MS = 10_000;
const topics = new Set<string>();

/** A name that no other test has. */
export const unique = (what: string): string => `${what}-${randomBytes(4).toString('hex')}`;

/** A topic's name that no other test has; `disconnect` deletes the topic. */
export function uniqueTopic(): string {
  const name = unique('topic');
  topics.add(name);
  return name;
}

export const brokers = (): readonly string[] => inject('kafkaBrokers').split(',');

export const connect = (clock: Clock = systemClock): Promise<Kafka> =>
  connectKafka({ brokers: brokers(), clientId: 'kafka-test', log: silentLog, clock });

const clusterContext = () => ({
  log: silentLog,
  clock: systemClock,
  random: Math.random,
  clientId: 'kafka-test',
  kafkajs: loadKafkajs(),
});

/** Closes the client and deletes the topics of this file's tests. */
export async function disconnect(kafka: Kafka): Promise<void> {
  await kafka[Symbol.asyncDispose]();
  await using connections = new Connections(clusterContext());
  const cluster = new Cluster(clusterContext(), connections, brokers());
  await cluster.refresh([]);
  await connections.call(cluster.controller(), 'DeleteTopics', 1, {
    topics: [...topics],
    timeout: DELETE_TIMEOUT_MS,
  });
}

/** Creates one topic of its own. */
export async function createTopic(
  kafka: Kafka,
  partitions: number,
  config: Record<string, string> = {},
): Promise<string> {
  const name = uniqueTopic();
  await kafka.ensureTopics([{ name, partitions, config }]);
  return name;
}

export const text = (topic: string, partition: number, value: string): ProducerRecord => ({
  topic,
  partition,
  timestamp: Date.now(),
  key: Buffer.from(value),
  value: Buffer.from(value),
});

export const textOf = ({ value }: ConsumerRecord): string => value?.toString() ?? '';

/** Resolves when the stable end is here: an ended transaction's markers are written after its end is acknowledged. */
export async function untilStable(kafka: Kafka, partition: TopicPartition, offset: number): Promise<void> {
  let stable = -1;
  while (stable < offset) [stable = -1] = await kafka.listOffsets([partition], 'last-stable');
  expect(stable).toBe(offset);
}

/**
 * All that a read-committed reader sees of what is in the partitions now. Waits for transactions that are open.
 */
export async function readCommitted(
  kafka: Kafka,
  partitions: readonly TopicPartition[],
): Promise<ConsumerRecord[]> {
  const starts = await kafka.listOffsets(partitions, 'earliest');
  const ends = await kafka.listOffsets(partitions, 'high-watermark');
  const missing = new Map(
    partitions.map(({ topic, partition }, index) => [`${topic}/${partition}`, ends[index]!]),
  );
  await using fetcher = kafka.openFetcher();
  fetcher.assign(partitions.map((partition, index) => ({ ...partition, offset: starts[index]! })));
  const records: ConsumerRecord[] = [];
  while (missing.size > 0)
    for (const batch of await fetcher.poll(1_000)) {
      for (const record of batch.records) records.push(record);
      const key = `${batch.topic}/${batch.partition}`;
      if (batch.nextOffset >= (missing.get(key) ?? 0)) missing.delete(key);
    }
  return records;
}

/** Polls until `count` records came. */
export async function take(
  fetcher: Pick<ReturnType<Kafka['openFetcher']>, 'poll'>,
  count: number,
): Promise<ConsumerRecord[]> {
  const records: ConsumerRecord[] = [];
  while (records.length < count)
    for (const batch of await fetcher.poll(1_000)) for (const record of batch.records) records.push(record);
  return records;
}

/** The only member of a group. */
export async function joinAlone(kafka: Kafka, groupId: string, input: string): Promise<GroupMember> {
  const member = await kafka.joinGroup({
    groupId,
    topics: [[input]],
    strategy: 'co-partitioned',
    listener: { onAssigned: async () => {}, onRevoked: async () => {}, onLost: async () => {} },
  });
  await member.checkpoint();
  return member;
}

/** The state of a group as its coordinator describes it: Stable, PreparingRebalance, ... */
export async function groupState(groupId: string): Promise<string> {
  await using connections = new Connections(clusterContext());
  const cluster = new Cluster(clusterContext(), connections, brokers());
  await cluster.refresh([]);
  const coordinator = await cluster.coordinator('group', groupId);
  const { groups } = await connections.call<{ groups: { state: string }[] }>(
    coordinator,
    'DescribeGroups',
    2,
    {
      groupIds: [groupId],
    },
  );
  return groups[0]?.state ?? 'unknown';
}

/** What the members of a group told their leader when they joined; nothing while the group is not stable. */
export async function subscriptionsOf(groupId: string): Promise<readonly Subscription[]> {
  await using connections = new Connections(clusterContext());
  const cluster = new Cluster(clusterContext(), connections, brokers());
  await cluster.refresh([]);
  const coordinator = await cluster.coordinator('group', groupId);
  const { groups } = await connections.call<{
    groups: { members: { memberMetadata: Buffer }[] }[];
  }>(coordinator, 'DescribeGroups', 2, { groupIds: [groupId] });
  const told = (groups[0]?.members ?? []).filter(({ memberMetadata }) => memberMetadata.length > 0);
  return told.map(({ memberMetadata }) => decodeSubscription(memberMetadata));
}
