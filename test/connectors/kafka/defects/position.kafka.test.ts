import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Fetcher, Kafka } from '../../../../connectors/kafka/port.ts';
import {
  connect,
  createTopic,
  disconnect,
  joinAlone,
  text,
  textOf,
  unique,
  untilStable,
} from '../kafka-client.ts';
import { stockAdmin, stockClient, stockProducer } from './stock-kafkajs.ts';
import { openStockReader, valueOf } from './stock-reader.ts';

/** So that no transaction ends by its timeout. */
const LONGER_THAN_THE_TEST_MS = 600_000;

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

async function write(topic: string, values: readonly string[], end: 'commit' | 'abort'): Promise<void> {
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send(values.map((value) => text(topic, 0, value)));
  await producer[end]();
}

/** Where the reader stands when it has passed `until`, and what it was told to be the end. */
async function pollTo(fetcher: Fetcher, until: number) {
  const seen: string[] = [];
  let [next, end] = [-1, -1];
  while (next < until)
    for (const batch of await fetcher.poll(1_000)) {
      for (const record of batch.records) seen.push(textOf(record));
      [next, end] = [batch.nextOffset, batch.lastStableOffset];
    }
  return { next, end, seen };
}

test('aborted records end the log: no handler of stock ever hears of an offset behind them, ours reports the end and lag is 0', async () => {
  const topic = await createTopic(kafka, 1);
  const at = { topic, partition: 0, offset: 0 };
  await using stock = await openStockReader(kafka, at);
  await write(topic, ['a', 'b'], 'commit');
  await expect.poll(() => stock.seen.map(valueOf), { timeout: 10_000 }).toEqual(['a', 'b']);
  await write(topic, ['aborted'], 'abort');
  await untilStable(kafka, at, 5);
  await expect.poll(stock.position, { timeout: 10_000 }).toBe(5);
  // What a handler can put into a transaction is behind the last record that it was given.
  expect(Number(stock.seen.at(-1)?.offset) + 1).toBe(2);

  await using fetcher = kafka.openFetcher();
  fetcher.assign([at]);
  const { next, seen } = await pollTo(fetcher, 5);
  expect([next, seen]).toEqual([5, ['a', 'b']]);
  const groupId = unique('group');
  await using member = await joinAlone(kafka, groupId, topic);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.sendOffsets(member.metadata, [{ topic, partition: 0, offset: next }]);
  await producer.commit();
  const [high = -1] = await kafka.listOffsets([at], 'high-watermark');
  const [committed] = await kafka.committedOffsets(groupId, [at]);
  expect(high - Number(committed)).toBe(0);
});

test('an open transaction ends the log: a handler of stock is told an end that it cannot reach, ours is told the stable one', async () => {
  const topic = await createTopic(kafka, 1);
  const at = { topic, partition: 0, offset: 0 };
  await write(topic, ['a'], 'commit');
  await untilStable(kafka, at, 2);
  await using open = await kafka.openProducer(unique('tx'));
  open.begin();
  await open.send([text(topic, 0, 'of an open transaction')]);

  await using stock = await openStockReader(kafka, at);
  await expect.poll(stock.position, { timeout: 10_000 }).toBe(2);
  const before = stock.fetches();
  await expect.poll(stock.fetches, { timeout: 10_000 }).toBeGreaterThan(before + 5);
  expect({ position: stock.position(), lag: stock.lag() }).toEqual({ position: 2, lag: 1 });
  // What its admin client calls the high watermark is the last stable offset, and the other is not to be had.
  await using admin = await stockAdmin();
  expect(await admin.fetchTopicOffsets(topic)).toMatchObject([{ high: '2' }]);

  expect(await kafka.listOffsets([at], 'high-watermark')).toEqual([3]);
  const [end = -1] = await kafka.listOffsets([at], 'last-stable');
  await using fetcher = kafka.openFetcher();
  fetcher.assign([at]);
  expect(await pollTo(fetcher, end)).toEqual({ next: 2, end: 2, seen: ['a'] });
});

test('a producer is put away inside a transaction: stock leaves it open in front of all readers, ours ends it', async () => {
  const [stockTopic, ourTopic] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  const transactionalId = unique('tx');
  const stock = await stockProducer({ transactionalId });
  const transaction = await stock.transaction();
  await transaction.send({ topic: stockTopic, messages: [{ value: 'left behind', partition: 0 }] });
  await stock.disconnect();

  const ours = await kafka.openProducer(unique('tx'), { transactionTimeoutMs: LONGER_THAN_THE_TEST_MS });
  ours.begin();
  await ours.send([text(ourTopic, 0, 'left behind')]);
  await ours[Symbol.asyncDispose]();
  await untilStable(kafka, { topic: ourTopic, partition: 0 }, 2);

  expect(await kafka.listOffsets([{ topic: stockTopic, partition: 0 }], 'last-stable')).toEqual([0]);
  // Its id's next owner finds it open.
  await using _next = await kafka.openProducer(transactionalId);
  await untilStable(kafka, { topic: stockTopic, partition: 0 }, 2);
});

test('records are deleted before they are read: stock jumps over them without a word, ours stops', async () => {
  const topic = await createTopic(kafka, 1);
  const at = { topic, partition: 0, offset: 0 };
  await write(topic, ['a', 'b', 'c'], 'commit');
  await untilStable(kafka, at, 4);
  await using admin = await stockAdmin();
  // Without it the client does not know the topic, and deletes nothing.
  await admin.fetchTopicOffsets(topic);
  await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }] });

  await using stock = await openStockReader(kafka, at);
  await expect.poll(stock.position, { timeout: 20_000 }).toBe(4);
  expect(stock.seen.map(valueOf)).toEqual(['c']);
  expect(stock.crash()).toBe(undefined);

  await using fetcher = kafka.openFetcher();
  fetcher.assign([at]);
  await expect(pollTo(fetcher, 4)).rejects.toMatchObject({
    code: 'kafka.offset_out_of_range',
    order: 'stop',
  });
});

test('a record is read and nobody asks for a commit: stock commits it, ours does not', async () => {
  const topic = await createTopic(kafka, 1);
  const at = { topic, partition: 0 };
  await write(topic, ['a'], 'commit');

  const stockGroup = unique('group');
  const stock = stockClient().consumer({ groupId: stockGroup });
  await stock.connect();
  await stock.subscribe({ topics: [topic], fromBeginning: true });
  const handled = Promise.withResolvers<void>();
  await stock.run({
    eachMessage: () => {
      handled.resolve();
      return Promise.resolve();
    },
  });
  await handled.promise;
  await stock.disconnect();
  expect(await kafka.committedOffsets(stockGroup, [at])).not.toEqual([null]);

  const ourGroup = unique('group');
  const member = await joinAlone(kafka, ourGroup, topic);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...at, offset: 0 }]);
  await pollTo(fetcher, 1);
  await member[Symbol.asyncDispose]();
  expect(await kafka.committedOffsets(ourGroup, [at])).toEqual([null]);
});
