import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, joinAlone, text, unique, untilStable } from './kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

const OUTSIDE = { generationId: -1, memberId: '' };

test('a group is described with its members and what they have', async () => {
  const topic = await createTopic(kafka, 3);
  const groupId = unique('group');
  await using member = await joinAlone(kafka, groupId, topic);
  const none = unique('group');
  const [missing, found] = await kafka.describeGroups([none, groupId]);
  expect(missing).toEqual({ groupId: none, state: 'Dead', protocolType: '', protocol: '', members: [] });
  expect(found).toMatchObject({ groupId, state: 'Stable', protocolType: 'consumer' });
  expect(found?.protocol).not.toBe('');
  expect(found?.members).toEqual([
    {
      memberId: member.metadata.memberId,
      groupInstanceId: null,
      clientId: 'kafka-test',
      host: expect.stringContaining('/') as string,
      assignment: new Map([[topic, [0, 1, 2]]]),
    },
  ]);
});

test('a static member is described with its instance id', async () => {
  const topic = await createTopic(kafka, 1);
  const groupId = unique('group');
  await using member = await kafka.joinGroup({
    groupId,
    groupInstanceId: 'first',
    topics: [[topic]],
    strategy: 'co-partitioned',
    listener: { onAssigned: async () => {}, onRevoked: async () => {}, onLost: async () => {} },
  });
  await member.checkpoint();
  const [described] = await kafka.describeGroups([groupId]);
  expect(described?.members).toMatchObject([{ groupInstanceId: 'first' }]);
});

test('the groups of the cluster are listed with their states', async () => {
  const topic = await createTopic(kafka, 1);
  const [stable, empty] = [unique('group'), unique('group')];
  await kafka.commitOffsets({ groupId: empty, ...OUTSIDE }, [{ topic, partition: 0, offset: 0 }]);
  await using _member = await joinAlone(kafka, stable, topic);
  const listed = new Map((await kafka.listGroups()).map((group) => [group.groupId, group]));
  expect(listed.get(stable)).toMatchObject({ protocolType: 'consumer', state: 'Stable' });
  expect(listed.get(empty)).toMatchObject({ state: 'Empty' });
});

test('lag counts from the committed offset, or from the start of the log, to what a reader can reach', async () => {
  const topic = await createTopic(kafka, 3);
  const groupId = unique('group');
  {
    await using producer = await kafka.openProducer(unique('tx'));
    producer.begin();
    await producer.send(
      [0, 1, 2].flatMap((partition) => ['a', 'b', 'c'].map((v) => text(topic, partition, v))),
    );
    await producer.commit();
  }
  for (const partition of [0, 1, 2]) await untilStable(kafka, { topic, partition }, 4);
  await using open = await kafka.openProducer(unique('tx'));
  open.begin();
  await open.send([text(topic, 0, 'not yet')]);
  await kafka.commitOffsets({ groupId, ...OUTSIDE }, [
    { topic, partition: 0, offset: 1 },
    { topic, partition: 2, offset: 1 },
  ]);
  await kafka.deleteRecords([{ topic, partition: 2, offset: 3 }]);
  expect(await kafka.groupLag(groupId, [topic])).toEqual([
    { topic, partition: 0, committed: 1, start: 0, end: 4, lag: 3 },
    { topic, partition: 1, committed: null, start: 0, end: 4, lag: 4 },
    { topic, partition: 2, committed: 1, start: 3, end: 4, lag: 1 },
  ]);
  await open.abort();
});

test('the lag on a topic that is not there is an error', async () => {
  await expect(kafka.groupLag(unique('group'), [unique('none')])).rejects.toMatchObject({
    code: 'kafka.topic_missing',
  });
});
