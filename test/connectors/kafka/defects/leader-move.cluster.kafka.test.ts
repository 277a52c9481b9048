import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectKafka } from '../../../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { useKafkaCluster } from '../../../support/kafka-cluster.ts';
import { describePartitions, moveLeader, untilInSync } from '../../../support/partition-leaders.ts';
import { readCommitted, text, textOf, unique } from '../kafka-client.ts';
import { API, openRelays } from './broker-relay.ts';
import type { BrokerRelay } from './broker-relay.ts';
import { stockClient, stockProducer } from './stock-kafkajs.ts';

const cluster = useKafkaCluster();

const connect = (brokers: readonly string[]): Promise<Kafka> =>
  connectKafka({ brokers, clientId: 'kafka-test', log: silentLog, clock: systemClock });

let kafka: Kafka;
let relays: BrokerRelay[];
let relayed: Kafka;
beforeAll(async () => {
  kafka = await connect(cluster().brokers.split(','));
  relays = await openRelays(cluster().brokers.split(','));
  relayed = await connect(relays.map(({ address }) => address));
});
afterAll(async () => {
  await relayed[Symbol.asyncDispose]();
  await Promise.all(relays.map((relay) => relay[Symbol.asyncDispose]()));
  await kafka[Symbol.asyncDispose]();
});

const stockOnRelays = () =>
  stockProducer(
    { transactionalId: unique('tx') },
    stockClient({ brokers: relays.map(({ address }) => address) }),
  );

async function createTopic(partitions: number): Promise<string> {
  const topic = unique('topic');
  await kafka.ensureTopics([{ name: topic, partitions, config: {} }]);
  await untilInSync(cluster(), topic);
  return topic;
}

async function log(topic: string, partitions: readonly number[]): Promise<string[]> {
  const records = await readCommitted(
    kafka,
    partitions.map((partition) => ({ topic, partition })),
  );
  return records.map((record) => `${record.partition}: ${textOf(record)}`).toSorted();
}

/**
 * Holds the next batch for partition 1 in front of its leader, node 2, until node 1 has acknowledged partition 0 and
 * leads partition 1 as well.
 */
function moveLeaderMeanwhile(topic: string): void {
  const [one, two] = relays;
  if (one === undefined || two === undefined) throw new Error('the cluster has fewer than two brokers');
  const acknowledged = Promise.withResolvers<void>();
  one.onAnswer = ({ apiKey }) => {
    if (apiKey === API.produce) acknowledged.resolve();
    return 'pass';
  };
  two.onRequest = async ({ apiKey }) => {
    if (apiKey !== API.produce) return;
    two.onRequest = () => undefined;
    await acknowledged.promise;
    await moveLeader(cluster(), topic, 1, 1);
  };
}

const leaders = async (topic: string): Promise<number[]> =>
  (await describePartitions(cluster(), topic)).map(({ leader }) => leader);

test('a leader moves to a broker that has answered the same send: stock drops the batch and reports success, ours delivers it', async () => {
  const topic = await createTopic(2);
  await moveLeader(cluster(), topic, 0, 1);
  await moveLeader(cluster(), topic, 1, 2);
  await using stock = await stockOnRelays();
  const transaction = await stock.transaction();
  moveLeaderMeanwhile(topic);
  await transaction.send({ topic, messages: [0, 1].map((partition) => ({ value: 'stock', partition })) });
  await transaction.commit();
  expect(await leaders(topic)).toEqual([1, 1]);
  expect(await log(topic, [0, 1])).toEqual(['0: stock']);

  await moveLeader(cluster(), topic, 1, 2);
  await using ours = await relayed.openProducer(unique('tx'));
  ours.begin();
  moveLeaderMeanwhile(topic);
  await ours.send([0, 1].map((partition) => text(topic, partition, 'ours')));
  await ours.commit();
  expect(await leaders(topic)).toEqual([1, 1]);
  expect(await log(topic, [0, 1])).toEqual(['0: ours', '0: stock', '1: ours']);
});

const TRANSACTIONS = '__transaction_state';

/** Holds the end of the next transaction in front of its coordinator until another node is that. */
function moveCoordinatorMeanwhile(): void {
  for (const relay of relays)
    relay.onRequest = async ({ apiKey }) => {
      if (apiKey !== API.endTransaction) return;
      for (const each of relays) each.onRequest = () => undefined;
      const from = relays.indexOf(relay) + 1;
      for (const [partition, leader] of (await leaders(TRANSACTIONS)).entries())
        if (leader === from) await moveLeader(cluster(), TRANSACTIONS, partition, (from % 3) + 1);
    };
}

test('the coordinator moves in front of a commit: stock throws and is of no use any more, ours commits', async () => {
  const [stockTopic, ourTopic] = [await createTopic(1), await createTopic(1)];
  await using stock = await stockOnRelays();
  const transaction = await stock.transaction();
  await transaction.send({ topic: stockTopic, messages: [{ value: 'stock', partition: 0 }] });
  await untilInSync(cluster(), TRANSACTIONS);
  moveCoordinatorMeanwhile();
  await expect(transaction.commit()).rejects.toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });
  await expect(stock.transaction()).rejects.toThrow('COMMITTING');

  await using ours = await relayed.openProducer(unique('tx'));
  ours.begin();
  await ours.send([text(ourTopic, 0, 'first')]);
  await untilInSync(cluster(), TRANSACTIONS);
  moveCoordinatorMeanwhile();
  await ours.commit();
  ours.begin();
  await ours.send([text(ourTopic, 0, 'second')]);
  await ours.commit();
  expect(await log(ourTopic, [0])).toEqual(['0: first', '0: second']);
  // Its transaction stays open until it times out.
  expect(await kafka.listOffsets([{ topic: stockTopic, partition: 0 }], 'last-stable')).toEqual([0]);
});
