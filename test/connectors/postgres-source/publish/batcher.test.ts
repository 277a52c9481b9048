import { expect, test } from 'vitest';
import { Batcher, type Progress } from '../../../../connectors/postgres-source/publish/batcher.ts';
import type { RecordList } from '../../../../connectors/kafka/record-list.ts';
import type { ProducerRecord } from '../../../../connectors/kafka/port.ts';

const KIB = 1024;
const START: Progress = { endLsn: 10n, commitTs: 0n, open: null };

interface Published {
  readonly rows: number;
  readonly progress: Progress;
}

/** A batcher whose Kafka transactions last until they are let go, one by one. */
function batcherOf(bytesMax: number) {
  const published: Published[] = [];
  const errors: unknown[] = [];
  const waiting: PromiseWithResolvers<void>[] = [];
  const batcher = new Batcher(
    START,
    bytesMax,
    (records, progress) => {
      published.push({ rows: records.length, progress });
      const gate = Promise.withResolvers<void>();
      waiting.push(gate);
      return gate.promise;
    },
    (error) => errors.push(error),
  );
  const row = (bytes: number): ProducerRecord => ({
    topic: 't',
    partition: 0,
    timestamp: 0,
    key: null,
    value: Buffer.alloc(bytes),
  });
  return {
    batcher,
    published,
    errors,
    add: (finalLsn: bigint, seq: number, bytes = KIB) => batcher.add(row(bytes), finalLsn, seq),
    settle: async (error?: Error) => {
      const gate = waiting.shift();
      if (error === undefined) gate?.resolve();
      else gate?.reject(error);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

test('while one Kafka transaction is being committed, the next one gathers', async () => {
  const { batcher, published, add, settle } = batcherOf(1024 * KIB);
  add(11n, 1);
  batcher.endTransaction(12n, 1n);
  batcher.kick();
  add(13n, 1);
  batcher.endTransaction(14n, 2n);
  add(15n, 1);
  batcher.endTransaction(16n, 3n);
  batcher.kick();
  expect(published.map(({ rows }) => rows)).toEqual([1]);
  await settle();
  expect(published.map(({ rows, progress }) => [rows, progress.endLsn])).toEqual([
    [1, 12n],
    [2, 16n],
  ]);
});

test('a transaction that is not complete is held back, and stays whole', async () => {
  const { batcher, published, add, settle } = batcherOf(8 * KIB);
  add(11n, 1);
  batcher.endTransaction(12n, 1n);
  for (let seq = 1; !batcher.full; seq++) add(20n, seq);
  await batcher.makeRoom();
  expect(published.at(-1)).toEqual({ rows: 1, progress: { endLsn: 12n, commitTs: 1n, open: null } });
  expect(batcher.full).toBe(false);
  batcher.endTransaction(21n, 2n);
  await settle();
  expect(published.at(-1)).toMatchObject({ rows: 7, progress: { endLsn: 21n, open: null } });
});

test('a transaction larger than the budget goes out in parts, each with its place', async () => {
  const { batcher, published, add, settle } = batcherOf(4 * KIB);
  const firstSeqs: number[] = [];
  for (let seq = 1; seq <= 10; seq++) {
    add(20n, seq);
    if (!batcher.full) continue;
    firstSeqs.push(seq);
    const room = batcher.makeRoom();
    await settle();
    await room;
  }
  batcher.endTransaction(21n, 5n);
  await settle();
  batcher.kick();
  await settle();
  const parts = published.map(({ progress }) => [progress.endLsn, progress.open?.seq ?? null]);
  expect(parts.slice(0, -1)).toEqual(firstSeqs.map((seq) => [10n, seq]));
  expect(parts.at(-1)).toEqual([21n, null]);
  expect(published.reduce((sum, { rows }) => sum + rows, 0)).toBe(10);
});

test('idle progress keeps the place in a transaction that is published in part', () => {
  const published: Progress[] = [];
  const open = { finalLsn: 30n, seq: 4 };
  const publish = async (_: RecordList, progress: Progress): Promise<void> => {
    published.push(progress);
  };
  const batcher = new Batcher({ ...START, open }, KIB, publish, () => undefined);
  batcher.advance(25n);
  batcher.publishProgress();
  expect(published).toEqual([{ endLsn: 25n, commitTs: 0n, open }]);
});

test('nothing follows a batch that failed: there would be a gap', async () => {
  const { batcher, published, errors, add, settle } = batcherOf(2 * KIB);
  const gone = new Error('broker is gone');
  add(11n, 1);
  batcher.endTransaction(12n, 1n);
  batcher.kick();
  add(13n, 1);
  batcher.endTransaction(14n, 2n);
  await settle(gone);
  batcher.kick();
  batcher.publishProgress();
  expect(errors).toEqual([gone]);
  expect(published).toHaveLength(1);
  await expect(batcher.drain()).rejects.toBe(gone);
  await expect(batcher.makeRoom()).rejects.toBe(gone);
});
