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

test('a plan is made without making anything, and the broker has its say on it', async () => {
  const [good, bad] = [uniqueTopic(), uniqueTopic()];
  const spec = { name: good, partitions: 2, config: { 'cleanup.policy': 'delete' } };
  expect(await kafka.planTopics([spec])).toEqual({ create: [spec], alter: [], drift: [] });
  await expect(
    kafka.ensureTopics([spec, { name: bad, partitions: 1, config: { 'retention.ms': 'long' } }]),
  ).rejects.toMatchObject({ code: 'kafka.invalid_config', message: expect.stringContaining(bad) as string });
  await expect(
    kafka.ensureTopics([spec, { ...spec, name: bad, replicationFactor: 99 }]),
  ).rejects.toMatchObject({
    code: 'kafka.invalid_replication_factor',
  });
  for (const name of [good, bad])
    await expect(kafka.partitionCount(name)).rejects.toMatchObject({ code: 'kafka.topic_missing' });
});

test('an internal topic gets the settings that are planned now, and keeps its others', async () => {
  const name = await createTopic(kafka, 1, {
    'retention.ms': '3600000',
    'segment.bytes': '2097152',
    'max.message.bytes': '2000000',
    'cleanup.policy': 'delete',
  });
  const config = { 'retention.ms': '-1', 'segment.bytes': '52428800' };
  const spec = { name, partitions: 1, config, internal: true };
  const plan = await kafka.planTopics([spec]);
  expect(plan).toEqual({
    create: [],
    alter: [
      {
        topic: name,
        set: [
          { name: 'retention.ms', from: '3600000', to: '-1' },
          { name: 'segment.bytes', from: '2097152', to: '52428800' },
        ],
      },
    ],
    drift: [],
  });
  await kafka.applyTopicPlan(plan);
  const configs = await untilConfigured(name, 'retention.ms', '-1');
  expect(configs.get('segment.bytes')).toEqual({ value: '52428800', source: 'topic' });
  expect(configs.get('max.message.bytes')).toEqual({ value: '2000000', source: 'topic' });
  expect(configs.get('flush.ms')?.source).not.toBe('topic');
  expect(await kafka.planTopics([spec])).toEqual({ create: [], alter: [], drift: [] });
});

test('an alteration that the broker refuses is found before anything is created', async () => {
  const name = await createTopic(kafka, 1);
  const missing = { name: uniqueTopic(), partitions: 1, config: {} };
  const spec = { name, partitions: 1, config: { 'segment.bytes': 'big' }, internal: true };
  await expect(kafka.planTopics([missing, spec])).rejects.toMatchObject({
    code: 'kafka.invalid_config',
    message: expect.stringContaining(name) as string,
  });
  await expect(kafka.ensureTopics([missing, spec])).rejects.toMatchObject({ code: 'kafka.invalid_config' });
  await expect(kafka.partitionCount(missing.name)).rejects.toMatchObject({ code: 'kafka.topic_missing' });
});

test('with any drift nothing is created, and all drifts are told at once', async () => {
  const [few, deleted] = [await createTopic(kafka, 1), await createTopic(kafka, 2)];
  const missing = { name: uniqueTopic(), partitions: 1, config: {} };
  const wanted = [few, deleted].map((name) => ({
    name,
    partitions: 2,
    config: { 'cleanup.policy': 'compact' },
  }));
  await expect(kafka.ensureTopics([missing, ...wanted])).rejects.toMatchObject({
    code: 'kafka.topic_drift',
    message: expect.stringMatching(
      new RegExp(`3 things.*${few} should have 2 partitions.*${few} .*compact.*${deleted} .*compact`),
    ) as string,
  });
  await expect(kafka.partitionCount(missing.name)).rejects.toMatchObject({ code: 'kafka.topic_missing' });
});

test('a topic that somebody else has created since the plan is verified', async () => {
  const spec = { name: uniqueTopic(), partitions: 2, config: {} };
  const plan = await kafka.planTopics([spec]);
  await kafka.ensureTopics([{ ...spec, partitions: 1 }]);
  await expect(kafka.applyTopicPlan(plan)).rejects.toMatchObject({
    code: 'kafka.topic_drift',
    message: `topic ${spec.name} should have 2 partitions, it has 1`,
  });
});

test('the settings of a topic that is not there are an error', async () => {
  await expect(kafka.describeConfigs(uniqueTopic())).rejects.toMatchObject({ code: 'kafka.topic_missing' });
});

/** A broker hears of new settings a moment after the controller has taken them. */
async function untilConfigured(topic: string, setting: string, value: string) {
  for (;;) {
    const configs = await kafka.describeConfigs(topic);
    if (configs.get(setting)?.value === value) return configs;
  }
}

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
