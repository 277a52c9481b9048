import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { groupCoordinator, javaConsume, javaProduce } from '../../support/java-tools.ts';
import { hasKcat, kcatConsume } from '../../support/kcat.ts';
import { useKafkaCluster } from '../../support/kafka-cluster.ts';
import { describePartitions, moveLeader, untilInSync } from '../../support/partition-leaders.ts';

const cluster = useKafkaCluster();

async function createTopic(name: string): Promise<string> {
  const topic = `${name}-${randomBytes(4).toString('hex')}`;
  await cluster().runTool('org.apache.kafka.tools.TopicCommand', [
    '--create',
    '--topic',
    topic,
    '--partitions',
    '1',
  ]);
  return topic;
}

const valuesIn = async (topic: string): Promise<(string | null)[]> =>
  (await javaConsume(cluster(), topic)).map(({ value }) => value);

test('the leader of a partition moves to the node that is asked for', async () => {
  const topic = await createTopic('leader');
  for (const to of [3, 1, 2]) {
    await moveLeader(cluster(), topic, 0, to);
    expect((await describePartitions(cluster(), topic))[0]?.leader).toBe(to);
  }
});

test('a node that was killed comes back with its data', async () => {
  const topic = await createTopic('killed');
  await javaProduce(cluster(), topic, [
    ['a', 'one'],
    ['b', 'two'],
  ]);
  await moveLeader(cluster(), topic, 0, 2);
  await cluster().node(2).kill();
  await javaProduce(cluster(), topic, [['c', 'three']]);
  await cluster().node(2).start();
  await untilInSync(cluster(), topic);
  await moveLeader(cluster(), topic, 0, 2);
  expect(await valuesIn(topic)).toEqual(['one', 'two', 'three']);
});

test('a node that is stopped has handed its leadership over', async () => {
  const topic = await createTopic('stopped');
  await moveLeader(cluster(), topic, 0, 1);
  await cluster().node(1).stop();
  expect((await describePartitions(cluster(), topic))[0]?.leader).not.toBe(1);
  await cluster().node(1).start();
  await untilInSync(cluster(), topic);
});

test('a paused node loses its leadership and takes part again when it is resumed', async () => {
  const topic = await createTopic('paused');
  await moveLeader(cluster(), topic, 0, 3);
  await cluster().node(3).pause();
  await javaProduce(cluster(), topic, [['a', 'while it slept']]);
  expect((await describePartitions(cluster(), topic))[0]?.leader).not.toBe(3);
  await cluster().node(3).resume();
  await untilInSync(cluster(), topic);
});

test("Java's consumer and kcat read the same records, headers and all, and nothing that is aborted", async () => {
  const topic = await createTopic('foreign');
  const options = { clientId: 'foreign', log: silentLog, clock: systemClock };
  await using kafka = await connectKafka({ ...options, brokers: cluster().brokers.split(',') });
  await using producer = await kafka.openProducer(topic);
  const record = { topic, partition: 0, timestamp: 1_700_000_000_000, value: Buffer.from('v 1') };
  producer.begin();
  await producer.send([{ ...record, key: Buffer.from('aborted') }]);
  await producer.abort();
  producer.begin();
  await producer.send([
    { ...record, key: Buffer.from('k'), headers: [{ key: 'h', value: Buffer.from('1') }] },
    { ...record, key: null },
  ]);
  await producer.commit();
  const read = { partition: 0, timestamp: 1_700_000_000_000, value: 'v 1' };
  const expected = [
    { ...read, offset: 2, key: 'k' },
    { ...read, offset: 3, key: null, headers: '' },
  ];
  const byJava = await javaConsume(cluster(), topic);
  expect(byJava).toMatchObject(expected);
  expect(byJava[0]?.headers).toBe('h:1');
  if (!hasKcat()) return;
  const byKcat = await kcatConsume(cluster().brokers, topic);
  expect(byKcat).toMatchObject(expected);
  expect(byKcat[0]?.headers).toBe('h=1');
});

test('the broker that coordinates a group is known to the tools', async () => {
  const topic = await createTopic('coordinated');
  const options = { clientId: 'coordinated', log: silentLog, clock: systemClock };
  await using kafka = await connectKafka({ ...options, brokers: cluster().brokers.split(',') });
  const nothing = async (): Promise<void> => undefined;
  await using member = await kafka.joinGroup({
    groupId: topic,
    topics: [[topic]],
    strategy: 'range',
    listener: { onAssigned: nothing, onRevoked: nothing, onLost: nothing },
  });
  await member.checkpoint();
  expect([1, 2, 3]).toContain(await groupCoordinator(cluster(), topic));
});
