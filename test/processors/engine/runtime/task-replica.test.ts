import { expect, test } from 'vitest';
import type { FetchedBatch } from '../../../../connectors/kafka/port.ts';
import { TaskReplica } from '../../../../processors/engine/runtime/task-replica.ts';
import { memoryHome } from '../../../../processors/engine/state/task-state.ts';
import type { WindowStore } from '../../../../processors/engine/state/store.ts';
import type { Checkpoint, TaskState } from '../../../../processors/engine/state/task-state.ts';

const plan = { name: 'totals', kind: 'key-value', key: 'string', value: 'long', changelog: true } as const;
const OPENED = 1_000;
const NOW = 9_000;

/** A replica that was opened empty, and the checkpoints that it has written. */
async function openReplica(end: number) {
  const opened = await memoryHome().open('0_1', [plan]);
  const checkpoints: { checkpoint: Checkpoint; durable: boolean }[] = [];
  const state: TaskState = {
    ...opened,
    commit(checkpoint, durable) {
      checkpoints.push({ checkpoint, durable });
      return opened.commit(checkpoint, durable);
    },
  };
  const store = state.stores.get('totals');
  if (store === undefined) throw new TypeError('there is no store');
  const stores = [{ store, topic: 'totals-changelog', offset: 3, end }];
  const replica = new TaskReplica({
    id: '0_1',
    partition: 1,
    state,
    stores,
    from: 'beginning',
    time: OPENED,
  });
  return { replica, store, checkpoints };
}

function batch(keys: readonly string[], nextOffset: number): FetchedBatch {
  const place = { topic: 'totals-changelog', partition: 1 };
  const records = keys.map((key, i) => ({
    ...place,
    offset: nextOffset - keys.length + i,
    timestamp: 0,
    key: Buffer.from(key),
    value: Buffer.from('1'),
    headers: [],
  }));
  return { ...place, records, nextOffset, lastStableOffset: nextOffset };
}

test('a replica knows what is left of its changelogs, and goes on where it was', async () => {
  const { replica, store } = await openReplica(10);
  expect(replica).toMatchObject({ from: 'beginning', remaining: 7, holdsState: false, unwrittenBytes: 0 });
  replica.apply(batch(['a', 'b'], 6), 4_000);
  expect(replica).toMatchObject({ from: 'tail', remaining: 4, holdsState: true });
  expect(replica.positions).toEqual([{ topic: 'totals-changelog', partition: 1, offset: 6 }]);
  expect(replica.unwrittenBytes).toBeGreaterThan(2 * 200);
  replica.apply(batch(['c'], 12), 4_000);
  expect(replica).toMatchObject({ remaining: 0, unread: [] });
  expect(store.entries).toBe(3);
});

test('until it is at the end a replica is as old as it was when it began: tombstones may be missed by then', async () => {
  const { replica, checkpoints } = await openReplica(10);
  replica.apply(batch(['a'], 6), 4_000);
  await replica.write();
  expect(replica.unwrittenBytes).toBe(0);
  replica.apply(batch(['b'], 10), 5_000);
  await replica.complete({ lines: 5 }, NOW);
  expect(checkpoints).toEqual([
    { checkpoint: { changelogs: { totals: 6 }, inputs: {}, time: OPENED }, durable: false },
    { checkpoint: { changelogs: { totals: 10 }, inputs: { lines: 5 }, time: NOW }, durable: true },
  ]);
});

test("a stranger's record in the changelog of a window store is refused by its place, and is no clock", async () => {
  const windows = { name: 'w', kind: 'window', key: 'string', value: 'long', changelog: true } as const;
  const state = await memoryHome().open('0_1', [windows]);
  const store = state.stores.get('w') as WindowStore;
  const replica = new TaskReplica({
    id: '0_1',
    partition: 1,
    state,
    stores: [{ store, topic: 'totals-changelog', offset: 0, end: 1 }],
    from: 'beginning',
    time: OPENED,
  });
  expect(() => replica.apply(batch(['key'], 8), NOW)).toThrow(
    expect.objectContaining({
      code: 'engine.changelog_unreadable',
      message: expect.stringContaining('totals-changelog[1] offset 7'),
    }),
  );
  expect(store.streamTime).toBe(Number.NEGATIVE_INFINITY);
});
