import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import {
  connect,
  createTopic,
  disconnect,
  readCommitted,
  text,
  textOf,
  unique,
  untilStable,
} from './kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

/** Ten records in each of two partitions; a control record ends each. */
async function tenRecordsEach(): Promise<string> {
  const topic = await createTopic(kafka, 2);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send(
    [0, 1].flatMap((partition) => Array.from({ length: 10 }, (_, i) => text(topic, partition, `${i}`))),
  );
  await producer.commit();
  for (const partition of [0, 1]) await untilStable(kafka, { topic, partition }, 11);
  return topic;
}

test('records below the offsets are gone, those at and above are there', async () => {
  const topic = await tenRecordsEach();
  const offsets = [
    { topic, partition: 1, offset: 8 },
    { topic, partition: 0, offset: 3 },
  ];
  expect(await kafka.deleteRecords(offsets)).toEqual(offsets);
  expect(await kafka.listOffsets(offsets, 'earliest')).toEqual([8, 3]);
  const left = await readCommitted(kafka, [{ topic, partition: 1 }]);
  expect(left.map(textOf)).toEqual(['8', '9']);
});

test('what has been deleted further already stays so, and is told', async () => {
  const topic = await tenRecordsEach();
  await kafka.deleteRecords([{ topic, partition: 0, offset: 6 }]);
  expect(await kafka.deleteRecords([{ topic, partition: 0, offset: 2 }])).toEqual([
    { topic, partition: 0, offset: 6 },
  ]);
  expect(await kafka.listOffsets([{ topic, partition: 0 }], 'earliest')).toEqual([6]);
});

test('an offset past the end deletes nothing and is an error that says where the log ends', async () => {
  const topic = await tenRecordsEach();
  const offsets = [
    { topic, partition: 0, offset: 1_000 },
    { topic, partition: 1, offset: 1 },
  ];
  await expect(kafka.deleteRecords(offsets)).rejects.toMatchObject({
    code: 'kafka.offset_out_of_range',
    order: 'stop',
    message: `deleting the records of ${topic}-0 below offset 1000: the log ends at 11`,
  });
  expect(await kafka.listOffsets(offsets, 'earliest')).toEqual([0, 1]);
});

test('records of a compacted topic are not deleted, and the error says why', async () => {
  const topic = await createTopic(kafka, 1, { 'cleanup.policy': 'compact' });
  await expect(kafka.deleteRecords([{ topic, partition: 0, offset: 0 }])).rejects.toMatchObject({
    code: 'kafka.policy_violation',
    order: 'stop',
    message: expect.stringContaining('the topic is compacted') as string,
    fix: expect.stringContaining('cleanup.policy') as string,
  });
});

test('an offset of nobody is refused before it reaches a broker, where it would mean everything', async () => {
  const topic = await tenRecordsEach();
  await expect(kafka.deleteRecords([{ topic, partition: 0, offset: -1 }])).rejects.toThrow(`${topic}-0`);
  expect(await kafka.listOffsets([{ topic, partition: 0 }], 'earliest')).toEqual([0]);
});

test('a reader whose records were deleted under it is told so', async () => {
  const topic = await tenRecordsEach();
  await kafka.deleteRecords([{ topic, partition: 0, offset: 5 }]);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset: 2 }]);
  const reading = async (): Promise<void> => {
    for (;;) await fetcher.poll(1_000);
  };
  await expect(reading()).rejects.toMatchObject({
    code: 'kafka.offset_out_of_range',
    order: 'stop',
    message: expect.stringMatching(/read at offset 2.*5 to 11.*deleted/) as string,
  });
});
