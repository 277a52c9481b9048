import { expect, test } from 'vitest';
import {
  BATCH_BYTES_MAX,
  PartitionQueue,
  checkSizes,
  nextSequence,
} from '../../../connectors/kafka/partition-queue.ts';
import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { COMPRESSIONS } from '../../../connectors/kafka/compression.ts';
import { Delivery } from '../../../connectors/kafka/delivery.ts';
import { RecordBytes } from '../../../connectors/kafka/record-bytes.ts';
import { appendRecords, readBatches } from '../../../connectors/kafka/record-batch.ts';

const IDENTITY = { producerId: 1, producerEpoch: 0 };
const LAST = 0x7fffffff;

const record = (partition: number, bytes: number): RecordBytes =>
  new RecordBytes().set({ topic: 'orders', partition, timestamp: 0, key: null, value: Buffer.alloc(bytes) });

test.each([
  [0, 10, 10],
  [LAST - 10, 10, LAST],
  [LAST, 1, 0],
  // DefaultRecordBatch.incrementSequence of Kafka's Java client.
  [2_147_483_640, 10, 2],
])('sequence %i and %i records go on at %i', (sequence, count, next) => {
  expect(nextSequence(sequence, count)).toBe(next);
});

const SESSION = { ...IDENTITY, transactional: true };

function queueOf(records: readonly RecordBytes[], delivery = new Delivery()): PartitionQueue {
  const queue = new PartitionQueue('orders', 0);
  for (const one of records) queue.append(one, delivery);
  delivery.complete();
  return queue;
}

test('a record that fits into no batch is refused', () => {
  const fits = BATCH_BYTES_MAX - 61 - 3 - 5 - 3;
  expect(() => checkSizes([record(0, fits)])).not.toThrow();
  expect(() => checkSizes([record(0, 1), record(0, fits + 1)])).toThrow(
    expect.objectContaining({ code: 'kafka.record_too_large', order: 'dead-letter' }),
  );
});

test('an unacknowledged batch goes out again byte for byte, whatever came after it', () => {
  const queue = queueOf([record(0, 10), record(0, 20)]);
  queue.sequence = 5;
  const first = queue.sealHead(SESSION, 'none');
  const copy = Buffer.from(first);
  queue.append(record(0, 30), new Delivery());
  expect(queue.sealHead(SESSION, 'none')).toBe(first);
  expect(first.equals(copy)).toBe(true);
  queue.acknowledgeHead(100);
  expect([queue.isEmpty, queue.sequence, queue.head?.count]).toEqual([false, 7, 1]);
});

test('a delivery is done when the last of its batches is acknowledged', async () => {
  const delivery = new Delivery();
  const queue = queueOf([record(0, BATCH_BYTES_MAX - 200), record(0, 200)], delivery);
  queue.sealHead(SESSION, 'none');
  queue.acknowledgeHead(10);
  expect(await Promise.race([delivery.done, Promise.resolve('waiting')])).toBe('waiting');
  queue.sealHead(SESSION, 'none');
  queue.acknowledgeHead(20);
  expect(await delivery.done).toEqual([{ topic: 'orders', partition: 0, offset: 21 }]);
});

test('deliveries that share a batch each learn the offset after their own last record', async () => {
  const [one, other] = [new Delivery(), new Delivery()];
  const queue = queueOf([record(0, 1), record(0, 2)], one);
  queue.append(record(0, 3), other);
  other.complete();
  queue.sealHead(SESSION, 'none');
  queue.acknowledgeHead(40);
  expect((await one.done)[0]!.offset).toBe(42);
  expect((await other.done)[0]!.offset).toBe(43);
});

test.each(COMPRESSIONS)(
  'a batch that the broker finds too large is halved, with the same first sequence: %s',
  async (compression) => {
    const deliveries = Array.from({ length: 4 }, () => new Delivery());
    const queue = new PartitionQueue('orders', 0);
    for (let n = 0; n < 8; n++) queue.append(record(0, 100 + n), deliveries[n >> 1]!);
    for (const delivery of deliveries) delivery.complete();
    queue.sequence = 40;
    queue.sealHead(SESSION, compression);
    const whole = queue.head!.size;
    const grown = queue.splitHead();
    let bytes = 0;
    let next = 0;
    const sizes: number[] = [];
    while (!queue.isEmpty) {
      const half = queue.sealHead(SESSION, compression);
      expect(half.readInt32BE(53)).toBe(40 + next);
      expect(queue.head!.size).toBeLessThanOrEqual(Math.ceil(whole / 2));
      for (const batch of readBatches(half, queue)) {
        const records: ConsumerRecord[] = [];
        appendRecords(batch, queue, 0, records);
        sizes.push(...records.map(({ value }) => value!.length));
      }
      const { count } = queue.head!;
      bytes += queue.acknowledgeHead(next);
      next += count;
    }
    expect(sizes).toEqual([100, 101, 102, 103, 104, 105, 106, 107]);
    expect(bytes).toBe(whole + grown);
    const ends = await Promise.all(deliveries.map(async ({ done }) => (await done)[0]!.offset));
    expect(ends).toEqual([2, 4, 6, 8]);
  },
);

test('a single record that the broker finds too large is refused', () => {
  const queue = queueOf([record(0, 100)]);
  queue.sealHead(SESSION, 'none');
  expect(() => queue.splitHead()).toThrow(expect.objectContaining({ code: 'kafka.record_too_large' }));
});
