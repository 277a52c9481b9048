import { afterAll, beforeAll, expect, test } from 'vitest';
import { Cluster, REQUEST_RETRY } from '../../../connectors/kafka/cluster.ts';
import type { ClientContext } from '../../../connectors/kafka/connections.ts';
import { openIdempotentProducer } from '../../../connectors/kafka/idempotent-producer.ts';
import { loadKafkajs } from '../../../connectors/kafka/kafkajs-internals.ts';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { brokers, connect, createTopic, disconnect, readCommitted, text, textOf } from './kafka-client.ts';
import { RelayedConnections, openRelay } from './relay.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

const context: ClientContext = {
  log: silentLog,
  clock: systemClock,
  random: Math.random,
  clientId: 'kafka-test',
  kafkajs: loadKafkajs(),
};

/** A producer behind a path that can be cut. */
async function relayed(deliveryTimeoutMs = 30_000) {
  const [host = '', port] = brokers()[0]!.split(':');
  const relay = await openRelay({ host, port: Number(port) });
  const connections = new RelayedConnections(context, relay);
  const cluster = new Cluster(context, connections, brokers());
  await cluster.retry(REQUEST_RETRY, () => cluster.refresh([]));
  const options = { context, cluster, connections, compression: 'none', deliveryTimeoutMs } as const;
  const producer = await openIdempotentProducer(options);
  return {
    producer,
    relay,
    async [Symbol.asyncDispose]() {
      await connections[Symbol.asyncDispose]();
      await relay[Symbol.asyncDispose]();
    },
  };
}

const numbered = (topic: string, partitions: number, from: number, count: number) =>
  Array.from({ length: count }, (_, n) => text(topic, (from + n) % partitions, `${from + n}`));

test('sends that overlap keep their order in every partition, and each learns its own offsets', async () => {
  const topic = await createTopic(kafka, 2);
  await using producer = await kafka.openIdempotentProducer();
  const sends = await Promise.all(
    Array.from({ length: 50 }, (_, n) => producer.send(numbered(topic, 2, n * 10, 10))),
  );
  for (const partition of [0, 1]) {
    const values = (await readCommitted(kafka, [{ topic, partition }])).map((r) => Number(textOf(r)));
    expect(values).toEqual(Array.from({ length: 250 }, (_, n) => 2 * n + partition));
    // Five records of each send are in the partition.
    const ends = sends.map((ended) => ended.find((end) => end.partition === partition)?.offset);
    expect(ends).toEqual(Array.from({ length: 50 }, (_, n) => (n + 1) * 5));
  }
});

test('more than the producer may buffer goes out whole and in order, whatever comes between', async () => {
  const topic = await createTopic(kafka, 3);
  await using producer = await kafka.openIdempotentProducer();
  const large = Array.from({ length: 90 }, (_, n) => ({
    ...text(topic, n % 3, `${n}`),
    value: Buffer.alloc(500_000, n),
  }));
  const sends = [producer.send(large), producer.send([text(topic, 0, 'after')])];
  await Promise.all(sends);
  const [first] = [await readCommitted(kafka, [{ topic, partition: 0 }])];
  expect(first.map(({ key }) => key!.toString())).toEqual([
    ...Array.from({ length: 30 }, (_, n) => `${n * 3}`),
    'after',
  ]);
});

test('a record is in the log once when its acknowledgement is lost, and those behind it follow', async () => {
  const topic = await createTopic(kafka, 1);
  await using path = await relayed();
  await path.producer.send([text(topic, 0, 'a')]);
  path.relay.cutNextAnswer();
  const sends = ['b', 'c', 'd'].map((value) => path.producer.send([text(topic, 0, value)]));
  expect((await Promise.all(sends)).map(([end]) => end!.offset)).toEqual([2, 3, 4]);
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(['a', 'b', 'c', 'd']);
});

test('a failure rejects what is on its way, and the next send goes on', async () => {
  const topic = await createTopic(kafka, 1, { 'max.message.bytes': '1000' });
  await using producer = await kafka.openIdempotentProducer();
  const tooLarge = { ...text(topic, 0, 'large'), value: Buffer.alloc(5_000) };
  const sends = await Promise.allSettled([
    producer.send([tooLarge]),
    producer.send([text(topic, 0, 'lost')]),
  ]);
  for (const sent of sends)
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'kafka.record_too_large' } });
  await producer.send([text(topic, 0, 'next')]);
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(['next']);
});

test('what cannot be delivered in time is refused with the reason', async () => {
  const topic = await createTopic(kafka, 1);
  await using path = await relayed(100);
  await path.producer.send([text(topic, 0, 'a')]);
  path.relay.cutForGood();
  await expect(path.producer.send([text(topic, 0, 'b')])).rejects.toMatchObject({
    code: 'kafka.delivery_timeout',
    order: 'restart',
  });
});

test('a topic that is not there is refused after the delivery timeout, not for ever', async () => {
  await using path = await relayed(100);
  await expect(path.producer.send([text('no-such-topic', 0, 'a')])).rejects.toMatchObject({
    code: 'kafka.delivery_timeout',
    message: expect.stringMatching(/no-such-topic-0.*UNKNOWN_TOPIC_OR_PARTITION/),
  });
});

test('a producer that is put away has delivered what it was given', async () => {
  const topic = await createTopic(kafka, 1);
  const producer = await kafka.openIdempotentProducer();
  const sent = producer.send(numbered(topic, 1, 0, 100));
  await producer[Symbol.asyncDispose]();
  expect(await sent).toHaveLength(1);
  await expect(producer.send([text(topic, 0, 'late')])).rejects.toMatchObject({ code: 'kafka.closed' });
});
