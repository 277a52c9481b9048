import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Producer as StockProducer } from 'kafkajs';
import { connectKafka } from '../../../../connectors/kafka/kafka.ts';
import type { GroupMember, Kafka, TransactionalProducer } from '../../../../connectors/kafka/port.ts';
import { systemClock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { connect, createTopic, disconnect, joinAlone, text, unique } from '../kafka-client.ts';
import { API, openBrokerRelay } from './broker-relay.ts';
import type { BrokerRelay, Exchange } from './broker-relay.ts';
import { stockClient, stockProducer } from './stock-kafkajs.ts';

const NOT_COORDINATOR = 16;
const CONCURRENT_TRANSACTIONS = 51;
/** More markers take longer to write. */
const PARTITIONS = 16;
/** Commits until a race that is the normal case must have been met. */
const ROUNDS_MAX = 300;
/** kafkajs's first retry: 300 ms, give or take a fifth. */
const STOCK_RETRY_MIN_MS = 240;

let kafka: Kafka;
let member: GroupMember;
let input: string;
let output: string;
let relay: BrokerRelay;
let relayed: Kafka;
let stock: StockProducer & AsyncDisposable;
let ours: TransactionalProducer;

beforeAll(async () => {
  kafka = await connect();
  [input, output] = [await createTopic(kafka, 1), await createTopic(kafka, PARTITIONS)];
  member = await joinAlone(kafka, unique('group'), input);
});
afterAll(async () => {
  await member[Symbol.asyncDispose]();
  await disconnect(kafka);
});

beforeEach(async () => {
  relay = await openBrokerRelay();
  relayed = await connectKafka({
    brokers: [relay.address],
    clientId: 'kafka-test',
    log: silentLog,
    clock: systemClock,
  });
  ours = await relayed.openProducer(unique('tx'));
  stock = await stockProducer({ transactionalId: unique('tx') }, stockClient({ brokers: [relay.address] }));
});
afterEach(async () => {
  await stock[Symbol.asyncDispose]();
  await ours[Symbol.asyncDispose]();
  await relayed[Symbol.asyncDispose]();
  await relay[Symbol.asyncDispose]();
});

/** Where the error code stands in an answer of the transaction coordinator: at its end, before tagged fields. */
function errorPosition({ apiKey, request }: Exchange, answer: Buffer): number {
  const flexible = request.readInt16BE(2) >= 3;
  const tags = apiKey === API.addPartitions ? 3 : 1;
  return answer.length - 2 - (flexible ? tags : 0);
}

/** Milliseconds from each refusal as concurrent to the next request of the same kind. */
function measureWaits(apiKey: number): number[] {
  const waits: number[] = [];
  let refusedAt: number | undefined;
  relay.onAnswer = (exchange, answer) => {
    const refused =
      exchange.apiKey === apiKey &&
      answer.readInt16BE(errorPosition(exchange, answer)) === CONCURRENT_TRANSACTIONS;
    if (refused) refusedAt = performance.now();
    return 'pass';
  };
  relay.onRequest = (exchange) => {
    if (exchange.apiKey !== apiKey || refusedAt === undefined) return;
    waits.push(performance.now() - refusedAt);
    refusedAt = undefined;
  };
  return waits;
}

const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({ value: 'x', partition }));
const records = () => messages.map(({ partition, value }) => text(output, partition, value));
const stockOffsets = (offset: number) => ({
  consumerGroupId: member.metadata.groupId,
  topics: [{ topic: input, partitions: [{ partition: 0, offset: `${offset}` }] }],
});

test('offsets first, right after a commit: stock throws, ours waits for the markers of the commit', async () => {
  let thrown: unknown;
  for (let round = 0; round < ROUNDS_MAX && thrown === undefined; round++) {
    const before = await stock.transaction();
    await before.send({ topic: output, messages });
    await before.commit();
    const next = await stock.transaction();
    thrown = await next.sendOffsets(stockOffsets(round)).then(
      () => undefined,
      (error: unknown) => error,
    );
    await next.abort();
  }
  expect(thrown).toMatchObject({ type: 'CONCURRENT_TRANSACTIONS' });

  const waits = measureWaits(API.addOffsets);
  let rounds = 0;
  for (; rounds < ROUNDS_MAX && waits.length === 0; rounds++) {
    ours.begin();
    await ours.send(records());
    await ours.commit();
    ours.begin();
    await ours.sendOffsets(member.metadata, [{ topic: input, partition: 0, offset: rounds }]);
    await ours.commit();
  }
  expect(waits).not.toEqual([]);
  expect(await kafka.committedOffsets(member.metadata.groupId, [{ topic: input, partition: 0 }])).toEqual([
    rounds - 1,
  ]);
});

test('a send right after a commit: stock waits a third of a second for milliseconds of markers, ours does not', async () => {
  const stockWaits = measureWaits(API.addPartitions);
  for (let round = 0; round < ROUNDS_MAX && stockWaits.length === 0; round++) {
    const transaction = await stock.transaction();
    await transaction.send({ topic: output, messages });
    await transaction.commit();
  }
  expect(Math.min(...stockWaits)).toBeGreaterThanOrEqual(STOCK_RETRY_MIN_MS - 1);
  expect(stockWaits).not.toEqual([]);

  const ourWaits = measureWaits(API.addPartitions);
  for (let round = 0; round < ROUNDS_MAX && ourWaits.length < 5; round++) {
    ours.begin();
    await ours.send(records());
    await ours.commit();
  }
  expect(Math.min(...ourWaits)).toBeLessThan(STOCK_RETRY_MIN_MS);
});

/** Once answers that the coordinator is another one, as after its partition of __transaction_state moved. */
function moveCoordinator(apiKey: number): void {
  let answered = false;
  relay.onAnswer = (exchange, answer) => {
    if (!answered && exchange.apiKey === apiKey) {
      answered = true;
      answer.writeInt16BE(NOT_COORDINATOR, errorPosition(exchange, answer));
    }
    return 'pass';
  };
}

test.each([
  ['offsets are added', API.addOffsets],
  ['the transaction ends', API.endTransaction],
])('the coordinator has moved when %s: stock throws, ours looks it up again', async (_, apiKey) => {
  const transaction = await stock.transaction();
  moveCoordinator(apiKey);
  const stockEnds = transaction.sendOffsets(stockOffsets(1)).then(() => transaction.commit());
  await expect(stockEnds).rejects.toMatchObject({ type: 'NOT_COORDINATOR_FOR_GROUP' });

  ours.begin();
  moveCoordinator(apiKey);
  await ours.sendOffsets(member.metadata, [{ topic: input, partition: 0, offset: 7_000 }]);
  await ours.commit();
  expect(await kafka.committedOffsets(member.metadata.groupId, [{ topic: input, partition: 0 }])).toEqual([
    7_000,
  ]);
});
