import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import {
  connect,
  createTopic,
  disconnect,
  readCommitted,
  take,
  text,
  textOf,
  unique,
  uniqueTopic,
  untilStable,
} from './kafka-client.ts';

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

async function write(topic: string, partition: number, values: readonly string[]): Promise<void> {
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send(values.map((value) => text(topic, partition, value)));
  await producer.commit();
}

test('interleaved aborted transactions of many producers are never seen', async () => {
  const topic = await createTopic(kafka, 1);
  const producers = await Promise.all([0, 1, 2, 3].map(() => kafka.openProducer(unique('tx'))));
  const expected: string[] = [];
  for (let round = 0; round < 8; round++) {
    for (const producer of producers) producer.begin();
    for (let step = 0; step < 3; step++)
      for (const [index, producer] of producers.entries()) {
        // The key is a marker's key: int32 zero.
        const record = { ...text(topic, 0, `${round}.${index}.${step}`), key: Buffer.alloc(4) };
        await producer.send([record]);
        if ((round + index) % 3 === 0) expected.push(textOf({ ...record, offset: 0, headers: [] }));
      }
    for (const [index, producer] of [...producers.entries()].toReversed())
      await ((round + index) % 3 === 0 ? producer.commit() : producer.abort());
  }
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(expected);
  // From each position inside the log as well, where transactions are open already.
  const all = await readCommitted(kafka, [{ topic, partition: 0 }]);
  const [end = 0] = await kafka.listOffsets([{ topic, partition: 0 }], 'last-stable');
  await using fetcher = kafka.openFetcher();
  for (let offset = 0; offset < end; offset += 7) {
    fetcher.assign([{ topic, partition: 0, offset }]);
    const seen: string[] = [];
    for (let next = offset; next < end;)
      for (const batch of await fetcher.poll(1_000)) {
        seen.push(...batch.records.map(textOf));
        next = batch.nextOffset;
      }
    expect(seen).toEqual(all.filter((record) => record.offset >= offset).map(textOf));
  }
  await Promise.all(producers.map((producer) => producer[Symbol.asyncDispose]()));
});

test('the position passes the markers at the end of the log', async () => {
  const topic = await createTopic(kafka, 1);
  await write(topic, 0, ['a', 'b']);
  await untilStable(kafka, { topic, partition: 0 }, 3);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  const [batch] = await fetcher.poll(10_000);
  expect([batch?.records.length, batch?.nextOffset, batch?.lastStableOffset]).toEqual([2, 3, 3]);
});

test('a partition that is at its end is told of once', async () => {
  const topic = await createTopic(kafka, 1);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  expect(await fetcher.poll(10_000)).toEqual([
    { topic, partition: 0, records: [], nextOffset: 0, lastStableOffset: 0 },
  ]);
  expect(await fetcher.poll(300)).toEqual([]);
});

test('a record of an open transaction comes only with its commit', async () => {
  const topic = await createTopic(kafka, 1);
  await using producer = await kafka.openProducer(unique('tx'));
  await using fetcher = kafka.openFetcher();
  producer.begin();
  await producer.send([text(topic, 0, 'late')]);
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  expect((await fetcher.poll(10_000)).flatMap(({ records }) => records)).toEqual([]);
  await producer.commit();
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['late']);
});

test('an offset outside of the log is an error that names the range, never a jump', async () => {
  const topic = await createTopic(kafka, 1);
  await write(topic, 0, ['a']);
  await untilStable(kafka, { topic, partition: 0 }, 2);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset: 77 }]);
  const failed = expect(pollUntilFailure(fetcher)).rejects;
  await failed.toMatchObject({
    code: 'kafka.offset_out_of_range',
    order: 'stop',
    message: expect.stringContaining(`${topic}-0 is read at offset 77, its log holds 0 to 2`),
  });
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['a']);
});

async function pollUntilFailure(fetcher: ReturnType<Kafka['openFetcher']>): Promise<never> {
  for (;;) await fetcher.poll(1_000);
}

test('a new assignment drops what the old one had fetched', async () => {
  const [first, second] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  await write(first, 0, ['old 0', 'old 1', 'old 2']);
  await write(second, 0, ['new']);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic: first, partition: 0, offset: 0 }]);
  expect((await take(fetcher, 3)).map(textOf)).toEqual(['old 0', 'old 1', 'old 2']);
  fetcher.assign([{ topic: first, partition: 0, offset: 0 }]);
  // The answer to the request that has just gone out is of the old assignment.
  fetcher.assign([
    { topic: first, partition: 0, offset: 2 },
    { topic: second, partition: 0, offset: 0 },
  ]);
  expect((await take(fetcher, 2)).map(textOf).toSorted()).toEqual(['new', 'old 2']);
});

test('a paused partition brings nothing until it is resumed', async () => {
  const topic = await createTopic(kafka, 2);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  fetcher.pause([{ topic, partition: 0 }]);
  // Until the request that was under way when the pause came has ended.
  for (let polls = 0; polls < 2; polls++) await fetcher.poll(300);
  await write(topic, 0, ['held']);
  await write(topic, 1, ['free']);
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['free']);
  expect((await fetcher.poll(300)).flatMap(({ records }) => records)).toEqual([]);
  fetcher.resume([{ topic, partition: 0 }]);
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['held']);
});

test('a seek goes on where it says, drops what had arrived, and leaves a pause as it is', async () => {
  const topic = await createTopic(kafka, 2);
  for (const partition of [0, 1]) await write(topic, partition, ['a', 'b', 'c', 'd']);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  await take(fetcher, 8);
  fetcher.pause([{ topic, partition: 1 }]);
  fetcher.seek([0, 1].map((partition) => ({ topic, partition, offset: 0 })));
  fetcher.seek([
    { topic, partition: 0, offset: 2 },
    { topic, partition: 1, offset: 3 },
  ]);
  expect((await take(fetcher, 2)).map(({ partition, offset }) => [partition, offset])).toEqual([
    [0, 2],
    [0, 3],
  ]);
  fetcher.resume([{ topic, partition: 1 }]);
  expect((await take(fetcher, 1)).map(({ partition, offset }) => [partition, offset])).toEqual([[1, 3]]);
  expect(() => fetcher.seek([{ topic, partition: 7, offset: 0 }])).toThrow(/not assigned/);
});

test('more than a partition may buffer comes whole and in order', async () => {
  const topic = await createTopic(kafka, 3);
  const filler = 'x'.repeat(2_000);
  for (const partition of [0, 1, 2])
    await write(
      topic,
      partition,
      Array.from({ length: 3_000 }, (_, n) => `${n} ${filler}`),
    );
  await using fetcher = kafka.openFetcher();
  fetcher.assign([0, 1, 2].map((partition) => ({ topic, partition, offset: 0 })));
  const seen = await take(fetcher, 9_000);
  for (const partition of [0, 1, 2])
    expect(seen.filter((record) => record.partition === partition).map(({ offset }) => offset)).toEqual(
      Array.from({ length: 3_000 }, (_, n) => n),
    );
});

test('a topic that comes later is read when it is there', async () => {
  const topic = uniqueTopic();
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  expect(await fetcher.poll(100)).toEqual([]);
  await kafka.ensureTopics([{ name: topic, partitions: 1, config: {} }]);
  await write(topic, 0, ['first']);
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['first']);
});
