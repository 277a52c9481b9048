import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import {
  connect,
  createTopic,
  disconnect,
  joinAlone,
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

test('committed records are seen once, aborted ones never', async () => {
  const topic = await createTopic(kafka, 2);
  await using producer = await kafka.openProducer(unique('tx'));
  for (let round = 0; round < 6; round++) {
    producer.begin();
    const ends = await producer.send([0, 1].map((partition) => text(topic, partition, `${round}`)));
    // One record and one marker per transaction and partition.
    expect(ends.map(({ offset }) => offset)).toEqual([round * 2 + 1, round * 2 + 1]);
    await (round % 2 === 0 ? producer.commit() : producer.abort());
  }
  const seen = await readCommitted(
    kafka,
    [0, 1].map((partition) => ({ topic, partition })),
  );
  expect(seen.filter(({ partition }) => partition === 0).map(textOf)).toEqual(['0', '2', '4']);
  expect(seen.filter(({ partition }) => partition === 1).map(textOf)).toEqual(['0', '2', '4']);
});

test('key, value, headers and timestamp reach the reader as they were', async () => {
  const topic = await createTopic(kafka, 1);
  await using producer = await kafka.openProducer(unique('tx'));
  const headers = [
    { key: 'trace', value: Buffer.from([0, 255]) },
    { key: 'nothing', value: null },
  ];
  producer.begin();
  await producer.send([
    { topic, partition: 0, timestamp: 1_700_000_000_123, key: Buffer.from('k'), value: null, headers },
    { topic, partition: 0, timestamp: 1_600_000_000_000, key: null, value: Buffer.alloc(0) },
  ]);
  await producer.commit();
  const seen = await readCommitted(kafka, [{ topic, partition: 0 }]);
  expect(
    seen.map(({ offset, timestamp, key, value, headers: found }) => ({
      offset,
      timestamp,
      key,
      value,
      headers: found,
    })),
  ).toEqual([
    {
      offset: 0,
      timestamp: 1_700_000_000_123,
      key: Buffer.from('k'),
      value: null,
      headers,
    },
    {
      offset: 1,
      timestamp: 1_600_000_000_000,
      key: null,
      value: Buffer.alloc(0),
      headers: [],
    },
  ]);
});

test('records of many batches keep their order', async () => {
  const topic = await createTopic(kafka, 2);
  await using producer = await kafka.openProducer(unique('tx'));
  const filler = 'x'.repeat(1_000);
  const records = Array.from({ length: 6_000 }, (_, n) => text(topic, n % 2, `${n} ${filler}`));
  producer.begin();
  await producer.send(records);
  await producer.commit();
  const seen = await readCommitted(kafka, [{ topic, partition: 1 }]);
  expect(seen.map((record) => Number(textOf(record).split(' ')[0]))).toEqual(
    Array.from({ length: 3_000 }, (_, n) => n * 2 + 1),
  );
});

test('a newer owner of the transactional id fences the older one', async () => {
  const topic = await createTopic(kafka, 1);
  const id = unique('tx');
  await using older = await kafka.openProducer(id);
  older.begin();
  await older.send([text(topic, 0, 'from the old')]);
  await using newer = await kafka.openProducer(id);
  await expect(older.commit()).rejects.toMatchObject({ order: 'fenced' });
  newer.begin();
  await newer.send([text(topic, 0, 'from the new')]);
  await newer.commit();
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(['from the new']);
});

test('a fenced producer cannot come back by aborting', async () => {
  const topic = await createTopic(kafka, 1);
  const id = unique('tx');
  await using older = await kafka.openProducer(id);
  await using newer = await kafka.openProducer(id);
  older.begin();
  await expect(older.send([text(topic, 0, 'zombie')])).rejects.toMatchObject({ order: 'fenced' });
  await expect(older.abort()).rejects.toMatchObject({ order: 'fenced' });
  newer.begin();
  await newer.send([text(topic, 0, 'owner')]);
  await newer.commit();
});

test('opening a transactional id ends the transaction that was left open under it', async () => {
  const topic = await createTopic(kafka, 1);
  const id = unique('tx');
  const left = await kafka.openProducer(id);
  left.begin();
  await left.send([text(topic, 0, 'left behind')]);
  expect(await kafka.listOffsets([{ topic, partition: 0 }], 'last-stable')).toEqual([0]);
  await using _next = await kafka.openProducer(id);
  expect(await kafka.listOffsets([{ topic, partition: 0 }], 'last-stable')).toEqual([2]);
  expect(await readCommitted(kafka, [{ topic, partition: 0 }])).toEqual([]);
});

test('a transaction that timed out is no fencing: the producer aborts it and goes on', async () => {
  const topic = await createTopic(kafka, 2);
  const producers = await Promise.all(
    [0, 1].map(() => kafka.openProducer(unique('tx'), { transactionTimeoutMs: 1_000 })),
  );
  const [sending, aborting] = [producers[0]!, producers[1]!];
  for (const [partition, producer] of producers.entries()) {
    producer.begin();
    await producer.send([text(topic, partition, 'too late')]);
  }
  for (const partition of [0, 1]) await untilStable(kafka, { topic, partition }, 2);
  await expect(sending.send([text(topic, 0, 'later still')])).rejects.toMatchObject({
    code: 'kafka.transaction_timed_out',
    order: 'restart',
  });
  await sending.abort();
  await aborting.abort();
  for (const [partition, producer] of producers.entries()) {
    producer.begin();
    await producer.send([text(topic, partition, 'in time')]);
    await producer.commit();
    expect((await readCommitted(kafka, [{ topic, partition }])).map(textOf)).toEqual(['in time']);
    await producer[Symbol.asyncDispose]();
  }
});

test('a producer that is put away leaves no transaction open', async () => {
  const topic = await createTopic(kafka, 1);
  const producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(topic, 0, 'never committed')]);
  await producer[Symbol.asyncDispose]();
  await untilStable(kafka, { topic, partition: 0 }, 2);
});

test('offsets of an old generation are refused; after an abort the producer goes on', async () => {
  const [input, output] = [await createTopic(kafka, 1), await createTopic(kafka, 1)];
  const groupId = unique('group');
  await using member = await joinAlone(kafka, groupId, input);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(output, 0, 'of a zombie')]);
  const stale = { ...member.metadata, generationId: member.metadata.generationId - 1 };
  await expect(
    producer.sendOffsets(stale, [{ topic: input, partition: 0, offset: 5 }]),
  ).rejects.toMatchObject({
    code: 'kafka.illegal_generation',
    order: 'restart',
  });
  await producer.abort();
  producer.begin();
  await producer.send([text(output, 0, 'of the member')]);
  await producer.sendOffsets(member.metadata, [{ topic: input, partition: 0, offset: 6 }]);
  await producer.commit();
  expect((await readCommitted(kafka, [{ topic: output, partition: 0 }])).map(textOf)).toEqual([
    'of the member',
  ]);
  expect(await kafka.committedOffsets(groupId, [{ topic: input, partition: 0 }])).toEqual([6]);
});

test('offsets without a membership are refused: the broker would take them from anybody', async () => {
  const topic = await createTopic(kafka, 1);
  const groupId = unique('group');
  await using member = await joinAlone(kafka, groupId, topic);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  const forgotten = { ...member.metadata, generationId: -1, memberId: '' };
  await expect(producer.sendOffsets(forgotten, [{ topic, partition: 0, offset: 5 }])).rejects.toMatchObject({
    code: 'kafka.not_a_member',
    order: 'restart',
  });
  await producer.abort();
  expect(await kafka.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([null]);
});

test('offsets of an aborted transaction are not committed', async () => {
  const topic = await createTopic(kafka, 1);
  const groupId = unique('group');
  await using member = await joinAlone(kafka, groupId, topic);
  await using producer = await kafka.openProducer(unique('tx'));
  for (const [offset, end] of [
    [3, 'commit'],
    [9, 'abort'],
  ] as const) {
    producer.begin();
    await producer.sendOffsets(member.metadata, [{ topic, partition: 0, offset }]);
    await producer[end]();
  }
  expect(await kafka.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([3]);
});

test('a record that fits into no batch is refused, and the transaction goes on without it', async () => {
  const topic = await createTopic(kafka, 1);
  await using producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(topic, 0, 'before')]);
  await expect(producer.send([text(topic, 0, 'x'.repeat(1024 * 1024))])).rejects.toMatchObject({
    code: 'kafka.record_too_large',
    order: 'dead-letter',
  });
  await producer.send([text(topic, 0, 'after')]);
  await producer.commit();
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(textOf)).toEqual(['before', 'after']);
});

test('batches shrink to what the topic takes', async () => {
  const topic = await createTopic(kafka, 1, { 'max.message.bytes': '5000' });
  await using producer = await kafka.openProducer(unique('tx'));
  const records = Array.from({ length: 100 }, (_, n) => text(topic, 0, `${n} ${'x'.repeat(300)}`));
  producer.begin();
  await producer.send(records);
  await producer.commit();
  expect((await readCommitted(kafka, [{ topic, partition: 0 }])).map(({ value }) => value)).toEqual(
    records.map(({ value }) => value),
  );
  producer.begin();
  await expect(producer.send([text(topic, 0, 'x'.repeat(5_000))])).rejects.toMatchObject({
    code: 'kafka.record_too_large',
  });
  await producer.abort();
  producer.begin();
  await producer.send([text(topic, 0, 'small')]);
  await producer.commit();
});

test('an empty transaction needs no broker', async () => {
  const own = await connect();
  const producer = await own.openProducer(unique('tx'));
  await own[Symbol.asyncDispose]();
  producer.begin();
  await producer.commit();
  producer.begin();
  await producer.abort();
});
