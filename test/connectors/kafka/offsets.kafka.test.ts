import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, joinAlone, text, unique, untilStable } from './kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

const OUTSIDE = { generationId: -1, memberId: '' };

test('partitions without a committed offset are null, in the order asked', async () => {
  const topic = await createTopic(kafka, 3);
  const groupId = unique('group');
  await kafka.commitOffsets({ groupId, ...OUTSIDE }, [
    { topic, partition: 2, offset: 5_000_000_000 },
    { topic, partition: 0, offset: 0 },
  ]);
  const partitions = [2, 1, 0].map((partition) => ({ topic, partition }));
  expect(await kafka.committedOffsets(groupId, partitions)).toEqual([5_000_000_000, null, 0]);
  expect(await kafka.committedOffsets(unique('group'), partitions)).toEqual([null, null, null]);
});

test('offsets of a transaction under way are waited for, on several partitions at once', async () => {
  const topic = await createTopic(kafka, 3);
  const groupId = unique('group');
  const partitions = [0, 1, 2].map((partition) => ({ topic, partition }));
  const offsets = (offset: number) => partitions.map((partition) => ({ ...partition, offset }));
  await kafka.commitOffsets({ groupId, ...OUTSIDE }, offsets(1));
  await using member = await joinAlone(kafka, groupId, topic);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.sendOffsets(member.metadata, offsets(2));
  let committed = false;
  const asked = kafka.committedOffsets(groupId, partitions).then((found) => ({ found, committed }));
  // Three answers of the same coordinator come after the first one to the question.
  for (let round = 0; round < 3; round++)
    await kafka.committedOffsets(groupId, [{ topic: unique('none'), partition: 0 }]);
  committed = true;
  await producer.commit();
  expect(await asked).toEqual({ found: [2, 2, 2], committed: true });
});

test('an open transaction holds back the stable end, not the high watermark', async () => {
  const topic = await createTopic(kafka, 1);
  const partition = [{ topic, partition: 0 }];
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(topic, 0, 'a'), text(topic, 0, 'b')]);
  expect(await kafka.listOffsets(partition, 'high-watermark')).toEqual([2]);
  expect(await kafka.listOffsets(partition, 'last-stable')).toEqual([0]);
  await producer.commit();
  await untilStable(kafka, { topic, partition: 0 }, 3);
  expect(await kafka.listOffsets(partition, 'earliest')).toEqual([0]);
});
