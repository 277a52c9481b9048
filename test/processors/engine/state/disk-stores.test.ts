import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DiskKeyValueStore } from '../../../../processors/engine/state/disk-key-value-store.ts';
import type { DiskStore } from '../../../../processors/engine/state/disk-store.ts';
import { DiskWindowStore } from '../../../../processors/engine/state/disk-window-store.ts';
import { type LevelDatabase, openLevel } from '../../../../processors/engine/state/level-database.ts';
import { keyValueStoreContract } from './key-value-store-contract.ts';
import type { OpenedStore, StoreRig } from './store-rig.ts';
import { windowStoreContract } from './window-store-contract.ts';

/** Fewer than in memory: each step of a run may wait for the disk. */
const RUNS = 60;

let folder = '';
let database: LevelDatabase;
let numbers = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-stores-'));
  database = await openLevel(folder);
});

afterAll(async () => {
  await database.close();
  await rm(folder, { recursive: true });
});

const keyOf = (i: number): Buffer => Buffer.from(`key ${i}`);
const step = fc.tuple(
  fc.constantFrom('read', 'wait', 'commit', 'put', 'delete', 'get'),
  fc.nat(4),
  fc.nat(4),
);

/** Each store is the next one of the same database. */
function onDisk<S extends DiskStore>(make: (database: LevelDatabase, number: number) => S): StoreRig<S> {
  const openAt = async (number: number, entries: number): Promise<OpenedStore<S>> => {
    const store = make(database, number);
    await store.load(entries);
    let committed = entries;
    return {
      store,
      async commit() {
        await database.write((batch) => store.write(batch), false);
        store.commit();
        committed = store.entries;
      },
      reopen: () => openAt(number, committed),
    };
  };
  return { open: () => openAt(++numbers, 0) };
}

for (const [name, bytes] of [
  ['disk', undefined],
  ['disk, nothing cached,', 0],
] as const) {
  keyValueStoreContract(
    name,
    onDisk((level, number) => new DiskKeyValueStore('store', level, number, true, bytes)),
    RUNS,
  );
  windowStoreContract(
    name,
    onDisk((level, number) => new DiskWindowStore('store', level, number, bytes)),
    RUNS,
  );
}

test('a store that is restored in full has all its rows, and a count that is about right', async () => {
  const store = new DiskKeyValueStore('store', database, ++numbers, false);
  await store.load(0);
  const save = async (): Promise<void> => {
    await database.write((batch) => store.write(batch), false);
    store.commit();
  };
  const key = (i: number): Buffer => Buffer.from(`key ${i}`);
  for (let i = 0; i < 10_000; i++) store.restore(key(i % 5_000), Buffer.from(`${i}`));
  await save();
  for (let i = 0; i < 1_000; i++) store.restore(key(i), null);
  await save();
  expect(store.entries).toBeGreaterThan(3_950);
  expect(store.entries).toBeLessThanOrEqual(4_000);
  expect(store.get(key(999))).toBeNull();
  expect(store.get(key(1_000))?.toString()).toBe('6000');
  const before = store.entries;
  store.put(key(1_000), Buffer.from('new'));
  store.put(key(0), Buffer.from('back'));
  store.delete(key(4_000));
  store.delete(key(4_001));
  expect(store.entries).toBe(before - 1);
  await save();
  expect(store.get(key(0))?.toString()).toBe('back');
});

test('reads ahead, whenever they begin and end, change no answer', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const store = new DiskKeyValueStore('store', database, ++numbers, false, 0);
      const model = new Map<number, string>();
      const reads: Promise<void>[] = [];
      for (const [what, key, to] of steps) {
        if (what === 'read') reads.push(store.readAhead([keyOf(key), keyOf(to)]));
        else if (what === 'wait') await reads.shift();
        else if (what === 'commit') {
          await database.write((batch) => store.write(batch), false);
          store.commit();
        } else if (what === 'put') {
          store.put(keyOf(key), keyOf(to));
          model.set(key, keyOf(to).toString());
        } else if (what === 'delete') {
          store.delete(keyOf(key));
          model.delete(key);
        } else expect(store.get(keyOf(key))?.toString()).toBe(model.get(key));
      }
      await Promise.all(reads);
      for (let key = 0; key < 5; key++) expect(store.get(keyOf(key))?.toString()).toBe(model.get(key));
    }),
    { numRuns: 5 * RUNS },
  );
});

test('a store that the plan does not scan refuses a range', () => {
  const store = new DiskKeyValueStore('store', database, ++numbers, false);
  expect(() => [...store.range(null, null)]).toThrow(/does not say/);
});
