import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, joinAlone, text, unique } from './kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

const OUTSIDE = { generationId: -1, memberId: '' };

test('the topics that exist are told in the order asked, and those that do not are left out', async () => {
  const [first, second] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  expect(await kafka.existingTopics([second, unique('none'), first])).toEqual([second, first]);
  expect(await kafka.existingTopics([])).toEqual([]);
});

test('deleted topics are gone when the call returns, and can be made anew, empty', async () => {
  const [topic, kept] = [await createTopic(kafka, 2), await createTopic(kafka, 1)];
  await using producer = await kafka.openIdempotentProducer();
  await producer.send([text(topic, 0, 'a'), text(kept, 0, 'b')]);
  expect(await kafka.deleteTopics([unique('none'), topic])).toEqual([topic]);
  await expect(kafka.partitionCount(topic)).rejects.toMatchObject({ code: 'kafka.topic_missing' });
  expect(await kafka.existingTopics([topic, kept])).toEqual([kept]);
  await kafka.ensureTopics([{ name: topic, partitions: 3, config: {} }]);
  expect(await kafka.partitionCount(topic)).toBe(3);
  expect(await kafka.listOffsets([{ topic, partition: 0 }], 'high-watermark')).toEqual([0]);
});

test('topics that are not there are deleted without an error, and told to have been none', async () => {
  expect(await kafka.deleteTopics([unique('none')])).toEqual([]);
  expect(await kafka.deleteTopics([])).toEqual([]);
});

test('a group without members is deleted with its offsets, and only that one', async () => {
  const topic = await createTopic(kafka, 1);
  const [gone, kept] = [unique('group'), unique('group')];
  for (const groupId of [gone, kept])
    await kafka.commitOffsets({ groupId, ...OUTSIDE }, [{ topic, partition: 0, offset: 7 }]);
  expect(await kafka.deleteGroup(gone)).toBe(true);
  expect(await kafka.committedOffsets(gone, [{ topic, partition: 0 }])).toEqual([null]);
  expect(await kafka.committedOffsets(kept, [{ topic, partition: 0 }])).toEqual([7]);
  expect(await kafka.deleteGroup(gone)).toBe(false);
});

test('a group with a member is refused, and keeps its offsets', async () => {
  const topic = await createTopic(kafka, 1);
  const groupId = unique('group');
  {
    await using member = await joinAlone(kafka, groupId, topic);
    await kafka.commitOffsets(member.metadata, [{ topic, partition: 0, offset: 7 }]);
    await expect(kafka.deleteGroup(groupId)).rejects.toMatchObject({
      code: 'kafka.non_empty_group',
      order: 'stop',
      fix: expect.stringContaining('stop its members') as string,
    });
    expect(await kafka.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([7]);
  }
  expect(await kafka.deleteGroup(groupId)).toBe(true);
});
