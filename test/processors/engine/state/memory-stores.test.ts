import { memoryKeyValueStore } from '../../../../processors/engine/state/memory-key-value-store.ts';
import { MemoryWindowStore } from '../../../../processors/engine/state/memory-window-store.ts';
import type { StateStore } from '../../../../processors/engine/state/store.ts';
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
