import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { DiskKeyValueStore } from '../../../../processors/engine/state/disk-key-value-store.ts';
import type { DiskStore } from '../../../../processors/engine/state/disk-store.ts';
import { DiskWindowStore } from '../../../../processors/engine/state/disk-window-store.ts';
import { type LevelDatabase, openLevel } from '../../../../processors/engine/state/level-database.ts';
import { keyValueStoreContract } from './key-value-store-contract.ts';
import type { OpenedStore, StoreRig } from './store-rig.ts';
import { windowStoreContract } from './window-store-contract.ts';

/** Fewer than in memory: each step of a run may wait for the disk. */
const RUNS = 150;

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
