import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { Cluster, REQUEST_RETRY } from '../../../connectors/kafka/cluster.ts';
import type { ClientContext } from '../../../connectors/kafka/connections.ts';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import type { Kafka, TransactionalProducer } from '../../../connectors/kafka/port.ts';
import { openTransactionalProducer } from '../../../connectors/kafka/transactional-producer.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import {
  brokers,
  connect,
  createTopic,
  disconnect,
  joinAlone,
  readCommitted,
  take,
  text,
  textOf,
  unique,
  untilStable,
} from './kafka-client.ts';
import { API, openBrokerRelay } from './defects/broker-relay.ts';
import { RelayedConnections, openRelay } from './relay.ts';
import type { Relay } from './relay.ts';

let kafka: Kafka;
let relay: Relay;
let connections: RelayedConnections;
let topic: string;
let transactionalId: string;

beforeAll(async () => {
  kafka = await connect();
  // The first transaction of a new broker waits for its coordinator to load; the clock below does not.
  await using _first = await kafka.openProducer(unique('tx'));
});
afterAll(() => disconnect(kafka));

beforeEach(async () => {
  const [host = '', port] = brokers()[0]!.split(':');
  relay = await openRelay({ host, port: Number(port) });
  connections = new RelayedConnections(context, relay);
  topic = await createTopic(kafka, 1);
  transactionalId = unique('tx');
});
afterEach(async () => {
  await connections[Symbol.asyncDispose]();
  await relay[Symbol.asyncDispose]();
});

/** Retries without waiting, so that giving up takes no half minute. */
const context: ClientContext = {
  log: silentLog,
  clock: { ...systemClock, sleep: () => systemClock.sleep(1) },
  random: Math.random,
  clientId: 'kafka-test',
  kafkajs: loadKafkajs(),
};

async function openProducer(): Promise<TransactionalProducer> {
  const cluster = new Cluster(context, connections, brokers());
  await cluster.retry(REQUEST_RETRY, () => cluster.refresh([]));
  return openTransactionalProducer({
    context,
    cluster,
    connections,
    transactionalId,
    transactionTimeoutMs: 10_000,
    compression: 'none',
  });
}

const seen = async (): Promise<string[]> =>
  (await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf);

test('a batch whose acknowledgement is lost is in the log once', async () => {
  const producer = await openProducer();
  producer.begin();
  await producer.send([text(topic, 0, 'a')]);
  relay.cutNextAnswer();
  expect(await producer.send([text(topic, 0, 'b')])).toEqual([{ topic, partition: 0, offset: 2 }]);
  await producer.send([text(topic, 0, 'c')]);
  await producer.commit();
  expect(await seen()).toEqual(['a', 'b', 'c']);
});

test('every answer may be lost once', async () => {
  await using member = await joinAlone(kafka, unique('group'), topic);
  relay.cutNextAnswer();
  const producer = await openProducer();
  for (const value of ['a', 'b', 'c']) {
    producer.begin();
    relay.cutNextAnswer();
    await producer.send([text(topic, 0, value)]);
    relay.cutNextAnswer();
    await producer.sendOffsets(member.metadata, [{ topic, partition: 0, offset: 1 }]);
    relay.cutNextAnswer();
    await (value === 'b' ? producer.abort() : producer.commit());
  }
  expect(await seen()).toEqual(['a', 'c']);
});

test('a commit without an answer is reported as unknown, and the log tells how it ended', async () => {
  const producer = await openProducer();
  producer.begin();
  await producer.send([text(topic, 0, 'a')]);
  relay.cutForGood();
  await expect(producer.commit()).rejects.toMatchObject({ code: 'kafka.commit_unknown', order: 'restart' });
  await producer.abort();
  expect(() => producer.begin()).toThrow('begin() while the producer is closed');
  await using next = await kafka.openProducer(transactionalId);
  expect(await seen()).toEqual(['a']);
  next.begin();
  await next.send([text(topic, 0, 'b')]);
  await next.commit();
  expect(await seen()).toEqual(['a', 'b']);
});

test('a send that gets no answer orders a restart', async () => {
  await using member = await joinAlone(kafka, unique('group'), topic);
  const producer = await openProducer();
  producer.begin();
  await producer.send([text(topic, 0, 'a')]);
  relay.cutForGood();
  await expect(
    producer.sendOffsets(member.metadata, [{ topic, partition: 0, offset: 1 }]),
  ).rejects.toMatchObject({
    code: 'kafka.transaction_failed',
    order: 'restart',
  });
});

test('a coordinator that cannot be asked for a new epoch says nothing about a successor', async () => {
  await using path = await openBrokerRelay();
  const quick = { ...systemClock, sleep: () => systemClock.sleep(1) };
  await using own = await connectKafka({
    brokers: [path.address],
    clientId: 'kafka-test',
    log: silentLog,
    clock: quick,
  });
  await using producer = await own.openProducer(transactionalId, { transactionTimeoutMs: 1_000 });
  producer.begin();
  await producer.send([text(topic, 0, 'too late')]);
  await untilStable(kafka, { topic, partition: 0 }, 2);
  path.onAnswer = ({ apiKey }) => (apiKey === API.initProducerId ? 'cut' : 'pass');
  await expect(producer.send([text(topic, 0, 'later still')])).rejects.toMatchObject({
    code: 'kafka.transaction_failed',
    order: 'restart',
  });
});

test('a reader goes on after a broken connection, also when its timer fires a little early', async () => {
  await using path = await openBrokerRelay();
  // A timer counts from the begin of its turn of the event loop, which may lie some milliseconds back.
  const early = {
    ...systemClock,
    sleep: (ms: number, signal?: AbortSignal) => systemClock.sleep(ms / 2, signal),
  };
  await using own = await connectKafka({
    brokers: [path.address],
    clientId: 'kafka-test',
    log: silentLog,
    clock: early,
  });
  await using fetcher = own.openFetcher();
  let cut = false;
  path.onAnswer = ({ apiKey }) => {
    if (apiKey !== API.fetch || cut) return 'pass';
    cut = true;
    return 'cut';
  };
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  await using producer = await kafka.openIdempotentProducer();
  await producer.send([text(topic, 0, 'a')]);
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['a']);
  expect(cut).toBe(true);
});
