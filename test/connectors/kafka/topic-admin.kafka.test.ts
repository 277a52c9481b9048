import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, uniqueTopic } from './kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

test('missing topics are created, and found as planned the second time', async () => {
  const config = { 'cleanup.policy': 'delete,compact', 'segment.bytes': '1048576' };
  const topics = [3, 5].map((partitions) => ({ name: uniqueTopic(), partitions, config }));
  await kafka.ensureTopics(topics);
  await kafka.ensureTopics(topics);
  for (const { name, partitions } of topics) expect(await kafka.partitionCount(name)).toBe(partitions);
});

test('many that create the same topic at once all find it', async () => {
  const topic = { name: uniqueTopic(), partitions: 2, config: { 'cleanup.policy': 'compact' } };
  await Promise.all([1, 2, 3, 4].map(() => kafka.ensureTopics([topic])));
  expect(await kafka.partitionCount(topic.name)).toBe(2);
});

test('a topic with other partitions than planned is not touched', async () => {
  const name = await createTopic(kafka, 2);
  await expect(kafka.ensureTopics([{ name, partitions: 3, config: {} }])).rejects.toMatchObject({
    code: 'kafka.topic_drift',
    order: 'stop',
    message: `topic ${name} should have 3 partitions, it has 2`,
  });
  expect(await kafka.partitionCount(name)).toBe(2);
});

test('a topic with another cleanup policy than planned is not touched', async () => {
  const name = await createTopic(kafka, 1, { 'cleanup.policy': 'delete' });
  const compacted = { name, partitions: 1, config: { 'cleanup.policy': 'compact' } };
  await expect(kafka.ensureTopics([compacted])).rejects.toMatchObject({
    code: 'kafka.topic_drift',
    message: `topic ${name} should have cleanup.policy=compact, it has delete`,
  });
});

test('a missing topic is named', async () => {
  const name = uniqueTopic();
  await expect(kafka.partitionCount(name)).rejects.toMatchObject({
    code: 'kafka.topic_missing',
    order: 'stop',
    message: expect.stringContaining(name),
  });
});

test('a configuration that the broker refuses is told in its words', async () => {
  const name = uniqueTopic();
  await expect(
    kafka.ensureTopics([{ name, partitions: 1, config: { 'cleanup.policy': 'sometimes' } }]),
  ).rejects.toMatchObject({
    code: 'kafka.invalid_config',
    order: 'stop',
    message: expect.stringContaining('sometimes'),
  });
});

test('waiting for a topic ends when it is there, or when told to stop', async () => {
  const name = uniqueTopic();
  const stop = new AbortController();
  const stopped = kafka.waitForTopics([name], stop.signal);
  const found = kafka.waitForTopics([name], new AbortController().signal);
  stop.abort();
  await stopped;
  await expect(kafka.partitionCount(name)).rejects.toMatchObject({ code: 'kafka.topic_missing' });
  await kafka.ensureTopics([{ name, partitions: 1, config: {} }]);
  await found;
  expect(await kafka.partitionCount(name)).toBe(1);
});

test('no broker to be reached is an error that names the address', async () => {
  const clock = {
    now: () => Date.now(),
    sleep: () => Promise.resolve(),
    every: () => ({ [Symbol.dispose]: () => {} }),
  };
  const { connectKafka } = await import('../../../connectors/kafka/kafka.ts');
  const { silentLog } = await import('../../../infra/process/log.ts');
  const nowhere = { brokers: ['127.0.0.1:1'], clientId: 'kafka-test', log: silentLog, clock };
  await expect(connectKafka(nowhere)).rejects.toMatchObject({
    code: 'kafka.connection',
    order: 'retry',
    message: expect.stringContaining('127.0.0.1:1'),
  });
});
