import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { connectKafka } from '../../../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { connect, createTopic, disconnect, readCommitted, text, textOf, unique } from '../kafka-client.ts';
import { API, openBrokerRelay } from './broker-relay.ts';
import type { BrokerRelay, Fate } from './broker-relay.ts';
import { stockClient, stockProducer } from './stock-kafkajs.ts';

let kafka: Kafka;
let relay: BrokerRelay;
let relayed: Kafka;

beforeAll(async () => {
  kafka = await connect();
});
afterAll(() => disconnect(kafka));

beforeEach(async () => {
  relay = await openBrokerRelay();
  relayed = await connectKafka({
    brokers: [relay.address],
    clientId: 'kafka-test',
    log: silentLog,
    clock: systemClock,
  });
});
afterEach(async () => {
  await relayed[Symbol.asyncDispose]();
  await relay[Symbol.asyncDispose]();
});

/** The next answer to this kind of request does not arrive; the broker has done what it was asked. */
function loseNext(apiKey: number, fate: Fate): Promise<void> {
  return new Promise((resolve) => {
    relay.onAnswer = (exchange) => {
      if (exchange.apiKey !== apiKey) return 'pass';
      relay.onAnswer = () => 'pass';
      resolve();
      return fate;
    };
  });
}

const log = async (topic: string, partition = 0): Promise<string[]> =>
  (await readCommitted(kafka, [{ topic, partition }])).map(textOf);

test('the answer to the first of two sends is lost: stock writes it twice and loses the second, ours writes both once', async () => {
  const [stockTopic, ourTopic] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  const client = stockClient({ brokers: [relay.address], requestTimeout: 2_000 });
  await using stock = await stockProducer({ transactionalId: unique('tx') }, client);
  const transaction = await stock.transaction();
  const stockSend = (value: string) =>
    transaction.send({ topic: stockTopic, messages: [{ key: value, value, partition: 0 }] });
  const lost = loseNext(API.produce, 'lose');
  const first = stockSend('a');
  await lost;
  await Promise.all([first, stockSend('b')]);
  await transaction.commit();

  await using ours = await relayed.openProducer(unique('tx'));
  ours.begin();
  void loseNext(API.produce, 'cut');
  await ours.send([text(ourTopic, 0, 'a')]);
  await ours.send([text(ourTopic, 0, 'b')]);
  await ours.commit();

  expect({ stock: await log(stockTopic), ours: await log(ourTopic) }).toEqual({
    stock: ['a', 'a'],
    ours: ['a', 'b'],
  });
});

test('the same with sends that overlap, outside of transactions: ours writes both once, in the order of the calls', async () => {
  const topic = await createTopic(kafka, 1);
  await using producer = await relayed.openIdempotentProducer();
  const lost = loseNext(API.produce, 'cut');
  const first = producer.send([text(topic, 0, 'a')]);
  const second = producer.send([text(topic, 0, 'b')]);
  await lost;
  await Promise.all([first, second, producer.send([text(topic, 0, 'c')])]);
  expect(await log(topic)).toEqual(['a', 'b', 'c']);
});

test('the answer to a commit is lost: stock reports an error and is of no use any more, ours commits and goes on', async () => {
  const [stockTopic, ourTopic] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  await using stock = await stockProducer(
    { transactionalId: unique('tx') },
    stockClient({ brokers: [relay.address] }),
  );
  const transaction = await stock.transaction();
  await transaction.send({ topic: stockTopic, messages: [{ key: 'a', value: 'a', partition: 0 }] });
  void loseNext(API.endTransaction, 'cut');
  await expect(transaction.commit()).rejects.toThrow('Closed connection');
  await expect(transaction.commit()).rejects.toThrow('Cannot continue to use transaction once ended');
  await expect(transaction.abort()).rejects.toThrow('Cannot continue to use transaction once ended');
  await expect(stock.transaction()).rejects.toThrow('COMMITTING');
  // What it reported as failed was committed.
  expect(await log(stockTopic)).toEqual(['a']);

  await using ours = await relayed.openProducer(unique('tx'));
  ours.begin();
  await ours.send([text(ourTopic, 0, 'a')]);
  void loseNext(API.endTransaction, 'cut');
  await ours.commit();
  ours.begin();
  await ours.send([text(ourTopic, 0, 'b')]);
  await ours.commit();
  expect(await log(ourTopic)).toEqual(['a', 'b']);
});

test('the answer to a send without a key is lost: stock sends it to another partition too, ours names the partition', async () => {
  const [stockTopic, ourTopic] = [await createTopic(kafka, 2), await createTopic(kafka, 2)];
  await using stock = await stockProducer(
    { idempotent: true },
    stockClient({ brokers: [relay.address], retry: { initialRetryTime: 20 } }),
  );
  void loseNext(API.produce, 'cut');
  await stock.send({ topic: stockTopic, messages: [{ value: 'once' }] });

  await using ours = await relayed.openProducer(unique('tx'));
  ours.begin();
  void loseNext(API.produce, 'cut');
  await ours.send([{ ...text(ourTopic, 0, 'once'), key: null }]);
  await ours.commit();

  expect([await log(stockTopic, 0), await log(stockTopic, 1)]).toEqual([['once'], ['once']]);
  expect([await log(ourTopic, 0), await log(ourTopic, 1)]).toEqual([['once'], []]);
});
