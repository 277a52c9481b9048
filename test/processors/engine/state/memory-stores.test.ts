import { expect, test } from 'vitest';
import { memoryKeyValueStore } from '../../../../processors/engine/state/memory-key-value-store.ts';
import { MemoryWindowStore } from '../../../../processors/engine/state/memory-window-store.ts';
import type { StateStore } from '../../../../processors/engine/state/store.ts';
import { ArenaHome } from '../../../../processors/engine/state/value-home.ts';
import { keyValueStoreContract } from './key-value-store-contract.ts';
import type { StoreRig } from './store-rig.ts';
import { windowStoreContract } from './window-store-contract.ts';

const RUNS = 300;

function inMemory<S extends StateStore>(make: () => S): StoreRig<S> {
  return {
    open() {
      const store = make();
      return Promise.resolve({ store, commit: () => Promise.resolve(store.commit()) });
    },
  };
}

keyValueStoreContract(
  'memory',
  inMemory(() => memoryKeyValueStore('store')),
  RUNS,
);
windowStoreContract(
  'memory',
  inMemory(() => new MemoryWindowStore('store')),
  RUNS,
);

test('windows that are written again and again, and windows that expire, leave no values behind', () => {
  const home = new ArenaHome();
  const store = new MemoryWindowStore('store', home);
  for (let time = 0; time < 2_000; time++) {
    for (let key = 0; key < 10; key++) {
      const seq = store.put(Buffer.from([key]), time, Buffer.alloc(100, 1));
      store.commit();
      const entry = store.get(Buffer.from([key]), time, seq);
      if (entry !== null) store.replace(entry, Buffer.alloc(100, 2));
      store.commit();
    }
    store.expire(time - 10);
  }
  store.commit();
  expect(store.entries).toBeLessThan(200);
  expect(home.bytes).toBeLessThan(3 * 256 * 1024);
});
