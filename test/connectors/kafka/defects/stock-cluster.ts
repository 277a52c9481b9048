import type { Logger, RetryOptions } from 'kafkajs';
import { brokers } from '../kafka-client.ts';
import { stockClient, stockKafkajs, stockModule } from './stock-kafkajs.ts';

interface StockBroker {
  produce(request: object): Promise<unknown>;
  fetch(request: object): Promise<{
    readonly responses: readonly {
      readonly partitions: readonly {
        readonly highWatermark: string;
        readonly messages: readonly { readonly offset: string }[];
      }[];
    }[];
  }>;
}

/** The part of stock kafkajs below its producers, for what those never send. */
export interface StockCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, number[]>;
  findBroker(of: { readonly nodeId: string }): Promise<StockBroker>;
}

export interface StockProducerSession {
  initProducerId(): Promise<void>;
  getProducerId(): number;
  getProducerEpoch(): number;
  getSequence(topic: string, partition: number): number;
  updateSequence(topic: string, partition: number, increment: number): void;
}

type Send = (of: {
  readonly acks: number;
  readonly timeout: number;
  readonly topicMessages: readonly {
    readonly topic: string;
    readonly messages: readonly { readonly value: string; readonly partition: number }[];
  }[];
}) => Promise<unknown>;

const TIMEOUT_MS = 10_000;

export async function openStockCluster(topic: string): Promise<StockCluster & AsyncDisposable> {
  const Cluster = stockModule('cluster') as new (options: object) => StockCluster;
  const createSocketFactory = stockModule('network/socketFactory') as () => unknown;
  const cluster = new Cluster({
    logger: logger(),
    socketFactory: createSocketFactory(),
    brokers: brokers(),
    clientId: 'stock-kafkajs',
    connectionTimeout: TIMEOUT_MS,
    requestTimeout: TIMEOUT_MS,
    metadataMaxAge: 60_000,
  });
  await cluster.connect();
  await cluster.addTargetTopic(topic);
  return Object.assign(cluster, { [Symbol.asyncDispose]: () => cluster.disconnect() });
}

const logger = (): Logger => stockClient().logger();

/** An idempotent producer's id and sequences, as stock kafkajs keeps them. */
export async function openStockSession(cluster: StockCluster): Promise<StockProducerSession> {
  const create = stockModule('producer/eosManager') as (options: object) => StockProducerSession;
  const session = create({ logger: logger(), cluster, transactional: false });
  await session.initProducerId();
  return session;
}

/** Stock kafkajs's way to send in a session. */
export function stockSend(cluster: StockCluster, session: StockProducerSession): Send {
  const create = stockModule('producer/sendMessages') as (options: object) => Send;
  const createRetry = stockModule('retry') as (options: RetryOptions) => unknown;
  const { DefaultPartitioner } = stockKafkajs().library.Partitioners;
  return create({
    logger: logger(),
    cluster,
    partitioner: DefaultPartitioner(),
    eosManager: session,
    retrier: createRetry({ retries: 1, initialRetryTime: 10 }),
  });
}

/** Appends one batch of `count` records without key and value to partition 0. */
export async function produceBatch(
  cluster: StockCluster,
  topic: string,
  count: number,
  session?: { readonly producerId: number; readonly producerEpoch: number; readonly firstSequence: number },
): Promise<void> {
  const broker = await leaderOf(cluster, topic);
  const messages = Array.from({ length: count }, () => ({ key: null, value: null }));
  await broker.produce({
    producerId: session?.producerId,
    producerEpoch: session?.producerEpoch,
    topicData: [
      { topic, partitions: [{ partition: 0, messages, firstSequence: session?.firstSequence ?? 0 }] },
    ],
  });
}

/** Offsets of the records that one fetch of partition 0 brings, and the high watermark that it tells. */
export async function fetchOnce(
  cluster: StockCluster,
  topic: string,
  offset: number,
): Promise<{ readonly offsets: readonly number[]; readonly highWatermark: number }> {
  const broker = await leaderOf(cluster, topic);
  const { responses } = await broker.fetch({
    maxWaitTime: 100,
    topics: [{ topic, partitions: [{ partition: 0, fetchOffset: `${offset}`, maxBytes: 1024 * 1024 }] }],
  });
  const [partition] = responses.flatMap(({ partitions }) => partitions);
  return {
    offsets: (partition?.messages ?? []).map((message) => Number(message.offset)),
    highWatermark: Number(partition?.highWatermark),
  };
}

function leaderOf(cluster: StockCluster, topic: string): Promise<StockBroker> {
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [0]));
  if (nodeId === undefined) throw new Error(`${topic}-0 has no leader`);
  return cluster.findBroker({ nodeId });
}
