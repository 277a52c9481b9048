import { expect, test } from 'vitest';
import {
  BATCH_BYTES_MAX,
  PartitionQueue,
  nextSequence,
  queueByPartition,
} from '../../../connectors/kafka/partition-queue.ts';
import type { ProducerRecord } from '../../../connectors/kafka/port.ts';

const IDENTITY = { producerId: 1, producerEpoch: 0 };
const LAST = 0x7fffffff;

const record = (partition: number, bytes: number): ProducerRecord => ({
  topic: 'orders',
  partition,
  timestamp: 0,
  key: null,
  value: Buffer.alloc(bytes),
});

test.each([
  [0, 10, 10],
  [LAST - 10, 10, LAST],
  [LAST, 1, 0],
  // DefaultRecordBatch.incrementSequence of Kafka's Java client.
  [2_147_483_640, 10, 2],
])('sequence %i and %i records go on at %i', (sequence, count, next) => {
  expect(nextSequence(sequence, count)).toBe(next);
});

test('records keep their order within their partition', () => {
  const records = [record(1, 1), record(0, 2), record(1, 3)];
  const queues = queueByPartition(records).map(({ partition, records: queued }) => [
    partition,
    queued.map(({ value }) => value!.length),
  ]);
  expect(queues).toEqual([
    [1, [1, 3]],
    [0, [2]],
  ]);
});

test('a record that fits into no batch is refused before anything is sent', () => {
  const fits = BATCH_BYTES_MAX - 61 - 3 - 6 - 3;
  expect(() => queueByPartition([record(0, fits)])).not.toThrow();
  expect(() => queueByPartition([record(0, 1), record(0, BATCH_BYTES_MAX)])).toThrow(
    expect.objectContaining({ code: 'kafka.record_too_large', order: 'dead-letter' }),
  );
});

test('an unacknowledged batch goes out again byte for byte', () => {
  const queue = new PartitionQueue('orders', 0);
  queue.records.push(record(0, 10), record(0, 20));
  queue.start(5);
  const first = queue.head(IDENTITY);
  expect(queue.head(IDENTITY)).toBe(first);
  queue.acknowledge(100);
  expect([queue.done, queue.sequence, queue.nextOffset]).toEqual([true, 7, 102]);
});

test('a batch that the broker finds too large is halved, with the same first sequence', () => {
  const queue = new PartitionQueue('orders', 0);
  queue.records.push(...Array.from({ length: 8 }, () => record(0, 100)));
  queue.start(40);
  const whole = queue.head(IDENTITY);
  queue.split();
  const half = queue.head(IDENTITY);
  expect(half.length).toBeLessThanOrEqual(Math.ceil(whole.length / 2));
  expect(half.readInt32BE(53)).toBe(40);
  queue.acknowledge(0);
  expect(queue.done).toBe(false);
});

test('a single record that the broker finds too large is refused', () => {
  const queue = new PartitionQueue('orders', 0);
  queue.records.push(record(0, 100));
  queue.head(IDENTITY);
  expect(() => queue.split()).toThrow(expect.objectContaining({ code: 'kafka.record_too_large' }));
});
