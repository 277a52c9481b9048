import { afterAll, beforeAll, expect, test } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka, PartitionOffset } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { useKafkaCluster } from '../../support/kafka-cluster.ts';
import { describePartitions, moveLeader, untilInSync } from '../../support/partition-leaders.ts';
import { joinAlone, text, unique, untilStable } from './kafka-client.ts';

const cluster = useKafkaCluster();

let kafka: Kafka;
/** How often the client has waited to try something again. */
let waits = 0;
beforeAll(async () => {
  const brokers = cluster().brokers.split(',');
  const sleep: Clock['sleep'] = (ms, signal) => {
    waits++;
    return systemClock.sleep(ms, signal);
  };
  const clock = { ...systemClock, sleep };
  kafka = await connectKafka({ brokers, clientId: 'kafka-test', log: silentLog, clock });
});
afterAll(() => kafka[Symbol.asyncDispose]());

/** Ten records in each of two partitions, led by nodes 1 and 2; a control record ends each. */
async function tenRecordsEach(): Promise<string> {
  const topic = unique('topic');
  await kafka.ensureTopics([{ name: topic, partitions: 2, replicationFactor: 3, config: {} }]);
  await untilInSync(cluster(), topic);
  for (const partition of [0, 1]) await moveLeader(cluster(), topic, partition, partition + 1);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send(
    [0, 1].flatMap((partition) => Array.from({ length: 10 }, (_, i) => text(topic, partition, `${i}`))),
  );
  await producer.commit();
  for (const partition of [0, 1]) await untilStable(kafka, { topic, partition }, 11);
  return topic;
}

const upTo = (topic: string, offset: number): PartitionOffset[] =>
  [0, 1].map((partition) => ({ topic, partition, offset }));

test('records are deleted by the leaders of the moment, on all replicas', async () => {
  const topic = await tenRecordsEach();
  expect(await kafka.deleteRecords(upTo(topic, 3))).toEqual(upTo(topic, 3));
  for (const partition of [0, 1]) await moveLeader(cluster(), topic, partition, 3);
  expect(await kafka.deleteRecords(upTo(topic, 7))).toEqual(upTo(topic, 7));
  for (const partition of [0, 1]) await moveLeader(cluster(), topic, partition, 2 - partition);
  expect(await kafka.listOffsets(upTo(topic, 0), 'earliest')).toEqual([7, 7]);
});

test('a deletion that waits for a follower holds up nothing else', { timeout: 120_000 }, async () => {
  const topic = await tenRecordsEach();
  await cluster().node(3).pause();
  try {
    waits = 0;
    const offsets = upTo(topic, 5).slice(0, 1);
    const deletion = kafka.deleteRecords(offsets);
    const ask = async (): Promise<string> => {
      // The first question may have gone out before the deletion did.
      for (let round = 0; round < 5; round++) await kafka.listOffsets(offsets, 'high-watermark');
      return 'answered';
    };
    expect(await Promise.race([deletion.then(() => 'deleted'), ask()])).toBe('answered');
    // Nor has the leader given up on the follower meanwhile.
    expect(waits).toBe(0);
    expect(await deletion).toEqual(offsets);
  } finally {
    await cluster().node(3).resume();
  }
  await untilInSync(cluster(), topic);
});

test('replicas and what must be in sync are as specified, or a drift', async () => {
  const spec = { name: unique('topic'), partitions: 1, config: {}, internal: true };
  await kafka.ensureTopics([{ ...spec, replicationFactor: 2, minInsyncReplicas: 1 }]);
  const [partition] = await describePartitions(cluster(), spec.name);
  expect(partition?.replicas).toHaveLength(2);
  const raised = await kafka.planTopics([{ ...spec, minInsyncReplicas: 2 }]);
  expect(raised).toEqual({
    create: [],
    alter: [{ topic: spec.name, set: [{ name: 'min.insync.replicas', from: '1', to: '2' }] }],
    drift: [],
  });
  const { drift } = await kafka.planTopics([{ ...spec, replicationFactor: 3, minInsyncReplicas: 3 }]);
  expect(drift).toMatchObject([
    { what: 'replicas', wanted: '3', found: '2' },
    { what: 'min.insync.replicas', wanted: '3', found: '1' },
  ]);
});

test(
  'a send waits while too few replicas are in sync, and is taken when they are back',
  { timeout: 120_000 },
  async () => {
    const topic = unique('topic');
    const inSync = { replicationFactor: 3, minInsyncReplicas: 3 };
    await kafka.ensureTopics([{ name: topic, partitions: 1, config: {}, ...inSync }]);
    await untilInSync(cluster(), topic);
    await moveLeader(cluster(), topic, 0, 1);
    await using producer = await kafka.openIdempotentProducer();
    await cluster().node(3).kill();
    const replicas = async (): Promise<unknown> => (await describePartitions(cluster(), topic))[0]?.isr;
    await expect.poll(replicas, { timeout: 60_000 }).toHaveLength(2);
    waits = 0;
    let taken = false;
    const send = producer.send([text(topic, 0, 'a')]).then(() => (taken = true));
    await expect.poll(() => waits, { timeout: 60_000 }).toBeGreaterThan(2);
    expect(taken).toBe(false);
    await cluster().node(3).start();
    await send;
    await untilInSync(cluster(), topic);
  },
);

test(
  'a node that dies, whichever it is, stops neither planning nor deleting',
  { timeout: 180_000 },
  async () => {
    const topic = await tenRecordsEach();
    const groupId = unique('group');
    await using _member = await joinAlone(kafka, groupId, topic);
    for (const [i, node] of [1, 2, 3].entries()) {
      await cluster().node(node).kill();
      const spec = { name: unique('topic'), partitions: 1, replicationFactor: 2, config: {} };
      await kafka.ensureTopics([spec]);
      await kafka.ensureTopics([{ ...spec, internal: true, config: { 'segment.bytes': '2097152' } }]);
      expect(await kafka.deleteRecords(upTo(topic, i + 2))).toEqual(upTo(topic, i + 2));
      expect(await kafka.describeGroups([groupId])).toMatchObject([{ groupId, protocolType: 'consumer' }]);
      expect((await kafka.listGroups()).map((group) => group.groupId)).toContain(groupId);
      await cluster().node(node).start();
      await untilInSync(cluster(), topic);
    }
  },
);
