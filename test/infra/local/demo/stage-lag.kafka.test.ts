import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../../connectors/kafka/port.ts';
import { stageLag } from '../../../../infra/local/demo/stage-lag.ts';
import { connect, createTopic, disconnect, text, unique } from '../../../connectors/kafka/kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

const OUTSIDE = { generationId: -1, memberId: '' };

test('results whose transaction is not seen to be ended are still to be read', async () => {
  const topic = await createTopic(kafka, 2);
  const stage = { group: unique('group'), topics: [topic] };
  const commit = (offset: number): Promise<void> =>
    kafka.commitOffsets({ groupId: stage.group, ...OUTSIDE }, [{ topic, partition: 1, offset }]);
  expect(await stageLag(kafka, stage)).toBe(null);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(topic, 1, 'a')]);
  expect(await stageLag(kafka, stage)).toBe(`${topic}-1 is at 0 of 1`);
  await producer.commit();
  await commit(1);
  await expect.poll(() => stageLag(kafka, stage)).toBe(`${topic}-1 is at 1 of 2`);
  await commit(2);
  expect(await stageLag(kafka, stage)).toBe(null);
});
