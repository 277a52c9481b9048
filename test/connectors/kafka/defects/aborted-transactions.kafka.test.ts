import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka, TransactionalProducer } from '../../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, text, textOf, unique, untilStable } from '../kafka-client.ts';
import { stockRead } from './stock-reader.ts';

let kafka: Kafka;
let first: TransactionalProducer;
let second: TransactionalProducer;

beforeAll(async () => {
  kafka = await connect();
  first = await kafka.openProducer(unique('tx'));
  second = await kafka.openProducer(unique('tx'));
});
afterAll(async () => {
  await first[Symbol.asyncDispose]();
  await second[Symbol.asyncDispose]();
  await disconnect(kafka);
});

/** All that our reader hands out from `offset` to the end of the log. */
async function ourRead(topic: string, offset: number, end: number): Promise<string[]> {
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset }]);
  const seen: string[] = [];
  for (let next = offset; next < end;)
    for (const batch of await fetcher.poll(1_000)) {
      seen.push(...batch.records.map(textOf));
      next = batch.nextOffset;
    }
  return seen;
}

async function bothRead(topic: string, offset: number, end: number) {
  await untilStable(kafka, { topic, partition: 0 }, end);
  return {
    stock: await stockRead(kafka, { topic, partition: 0, offset }, end),
    ours: await ourRead(topic, offset, end),
  };
}

const send = (producer: TransactionalProducer, topic: string, value: string) =>
  producer.send([text(topic, 0, value)]);

/** The broker lists transactions in the order of their markers, which it writes after the end is acknowledged. */
async function abort(producer: TransactionalProducer, topic: string): Promise<void> {
  const at = { topic, partition: 0 };
  const [before = 0] = await kafka.listOffsets([at], 'high-watermark');
  await producer.abort();
  await expect
    .poll(() => kafka.listOffsets([at], 'high-watermark'), { timeout: 10_000 })
    .toEqual([before + 1]);
}

/** Ends the log with a record that is committed. Its marker is one more offset. */
async function commitOne(topic: string): Promise<void> {
  first.begin();
  await send(first, topic, 'committed');
  await first.commit();
}

test('two producers abort, the one that began later first: stock delivers an aborted record, ours none', async () => {
  const topic = await createTopic(kafka, 1);
  first.begin();
  second.begin();
  await send(first, topic, 'aborted by first, offset 0');
  await send(second, topic, 'aborted by second, offset 1');
  await send(first, topic, 'aborted by first, offset 2');
  await abort(second, topic);
  await abort(first, topic);
  await commitOne(topic);
  expect(await bothRead(topic, 0, 7)).toEqual({
    stock: ['aborted by first, offset 0', 'committed'],
    ours: ['committed'],
  });
});

test('a reader that goes on inside two aborted transactions: stock delivers an aborted record, ours none', async () => {
  const topic = await createTopic(kafka, 1);
  first.begin();
  second.begin();
  await send(first, topic, 'aborted by first, offset 0');
  await send(second, topic, 'aborted by second, offset 1');
  await send(second, topic, 'aborted by second, offset 2');
  await send(first, topic, 'aborted by first, offset 3');
  await abort(first, topic);
  await abort(second, topic);
  await commitOne(topic);
  expect(await bothRead(topic, 2, 8)).toEqual({
    stock: ['aborted by second, offset 2', 'committed'],
    ours: ['committed'],
  });
});

test('an aborted record whose key is int32 zero: stock takes it for the marker and delivers what follows, ours does not', async () => {
  const topic = await createTopic(kafka, 1);
  first.begin();
  await send(first, topic, 'aborted, offset 0');
  await first.send([{ ...text(topic, 0, 'aborted, offset 1'), key: Buffer.alloc(4) }]);
  await send(first, topic, 'aborted, offset 2');
  await abort(first, topic);
  await commitOne(topic);
  expect(await bothRead(topic, 0, 6)).toEqual({
    stock: ['aborted, offset 1', 'aborted, offset 2', 'committed'],
    ours: ['committed'],
  });
});
