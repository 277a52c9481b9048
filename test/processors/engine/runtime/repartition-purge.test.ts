import { expect, test } from 'vitest';
import type { PartitionOffset } from '../../../../connectors/kafka/port.ts';
import type { Clock } from '../../../../infra/process/clock.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { RepartitionPurge } from '../../../../processors/engine/runtime/repartition-purge.ts';

const INTERVAL_MS = 30_000;
const at = (offset: number, topic = 'r', partition = 0): PartitionOffset => ({ topic, partition, offset });

/** A purge whose intervals pass and whose deletions end when the test says so; the group has committed `now`. */
function purging(now: ReadonlyMap<number, number | null> = new Map()) {
  const sleeps: { readonly ms: number; wake(): void }[] = [];
  const clock: Clock = {
    now: () => 0,
    sleep: (ms, signal) =>
      new Promise((wake) => {
        sleeps.push({ ms, wake });
        signal?.addEventListener('abort', () => wake());
      }),
    every: () => ({ [Symbol.dispose]: () => undefined }),
  };
  const deletions: { readonly offsets: readonly PartitionOffset[]; end(error?: Error): void }[] = [];
  const purge = new RepartitionPurge({
    topics: new Set(['r']),
    committedOffsets: (partitions) =>
      Promise.resolve(partitions.map(({ partition }) => now.get(partition) ?? null)),
    deleteRecords: (offsets) =>
      new Promise((resolve, reject) => {
        const end = (error?: Error): void => (error === undefined ? resolve(undefined) : reject(error));
        deletions.push({ offsets, end });
      }),
    intervalMs: INTERVAL_MS,
    clock,
    log: silentLog,
  });
  /** Lets what is ready run, through every promise in between. */
  const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const passInterval = async (): Promise<void> => {
    const sleep = sleeps.pop();
    expect(sleep?.ms).toBe(INTERVAL_MS);
    sleep?.wake();
    await settled();
  };
  return { purge, deletions, sleeps, passInterval, settled };
}

test('only repartition topics are purged, up to the committed offset, once an interval', async () => {
  const { purge, deletions, passInterval } = purging(
    new Map([
      [0, 7],
      [1, 2],
    ]),
  );
  purge.start();
  purge.committed([at(5), at(9, 'source'), at(2, 'r', 1)]);
  purge.committed([at(7)]);
  expect(deletions).toEqual([]);
  await passInterval();
  expect(deletions.map(({ offsets }) => offsets)).toEqual([[at(7), at(2, 'r', 1)]]);
});

test('a topic that was made anew since the commit keeps what its group has not committed', async () => {
  const now = new Map([[0, 1]]);
  const { purge, deletions, passInterval } = purging(now);
  purge.start();
  purge.committed([at(5), at(3, 'r', 1)]);
  await passInterval();
  expect(deletions.map(({ offsets }) => offsets)).toEqual([[at(1)]]);
});

test('a purge that is under way is not overtaken by another', async () => {
  const now = new Map([[0, 5]]);
  const { purge, deletions, sleeps, passInterval, settled } = purging(now);
  purge.start();
  purge.committed([at(5)]);
  await passInterval();
  purge.committed([at(6)]);
  await settled();
  expect(sleeps).toEqual([]);
  expect(deletions).toHaveLength(1);
  deletions[0]?.end();
  now.set(0, 6);
  await settled();
  await passInterval();
  expect(deletions[1]?.offsets).toEqual([at(6)]);
});

test('what is purged is not asked for again', async () => {
  const { purge, deletions, passInterval, settled } = purging(new Map([[0, 5]]));
  purge.start();
  purge.committed([at(5)]);
  await passInterval();
  deletions[0]?.end();
  await settled();
  await passInterval();
  expect(deletions).toHaveLength(1);
});

test('a purge that failed is tried again with the next', async () => {
  const now = new Map([
    [0, 5],
    [1, 3],
  ]);
  const { purge, deletions, passInterval, settled } = purging(now);
  purge.start();
  purge.committed([at(5), at(3, 'r', 1)]);
  await passInterval();
  purge.committed([at(8)]);
  now.set(0, 8);
  deletions[0]?.end(new Error('the leader has moved'));
  await settled();
  await passInterval();
  expect(deletions[1]?.offsets).toEqual([at(8), at(3, 'r', 1)]);
});

test('after its end nothing is purged any more', async () => {
  const { purge, deletions, settled } = purging(new Map([[0, 5]]));
  purge.start();
  purge.committed([at(5)]);
  purge[Symbol.dispose]();
  await settled();
  expect(deletions).toEqual([]);
});
