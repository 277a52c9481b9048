import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, readCommitted, text, textOf, unique } from '../kafka-client.ts';
import { openStockCluster, produceBatch } from './stock-cluster.ts';
import { stockProducer } from './stock-kafkajs.ts';
import { openStockReader } from './stock-reader.ts';

/** More than fit on the stack as arguments of one call. */
const MANY = 150_000;

let kafka: Kafka;
beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

test('records that are larger together than the topic takes at once: stock fails, ours splits the batch', async () => {
  const topic = await createTopic(kafka, 1, { 'max.message.bytes': '5000' });
  const values = Array.from({ length: 50 }, (_, n) => `${n} ${'x'.repeat(300)}`);
  await using stock = await stockProducer({ idempotent: true, retry: { retries: 1, initialRetryTime: 10 } });
  const sent = stock.send({ topic, messages: values.map((value) => ({ value, partition: 0 })) });
  await expect(sent).rejects.toMatchObject({ type: 'MESSAGE_TOO_LARGE' });

  await using ours = await kafka.openProducer(unique('tx'));
  ours.begin();
  await ours.send(values.map((value) => text(topic, 0, value)));
  await ours.commit();
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(values);
});

test('a batch of very many records: the stock reader crashes on it, ours reads it', async () => {
  const topic = await createTopic(kafka, 1, { 'max.message.bytes': '4000000' });
  const at = { topic, partition: 0, offset: 0 };
  await using cluster = await openStockCluster(topic);
  await produceBatch(cluster, topic, MANY);
  await using stock = await openStockReader(kafka, at, undefined, { maxBytesPerPartition: 4_000_000 });
  await expect
    .poll(() => stock.crash()?.message, { timeout: 20_000 })
    .toBe('Maximum call stack size exceeded');
  expect(stock.seen).toEqual([]);
  await using fetcher = kafka.openFetcher();
  fetcher.assign([at]);
  let ours = 0;
  while (ours < MANY) for (const { records } of await fetcher.poll(1_000)) ours += records.length;
  expect(ours).toBe(MANY);
});

test('very many records in one send: ours makes batches of them that any reader takes', async () => {
  const topic = await createTopic(kafka, 1);
  await using ours = await kafka.openProducer(unique('tx'));
  ours.begin();
  const record = { topic, partition: 0, timestamp: Date.now(), key: null, value: null };
  await ours.send(Array.from({ length: MANY }, () => record));
  await ours.commit();
  await using stock = await openStockReader(kafka, { topic, partition: 0, offset: 0 });
  await expect.poll(() => stock.seen.length, { timeout: 20_000 }).toBe(MANY);
});
