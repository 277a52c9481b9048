import { memoryKeyValueStore } from '../../../../processors/engine/state/memory-key-value-store.ts';
import { MemoryWindowStore } from '../../../../processors/engine/state/memory-window-store.ts';
import { keyValueStoreContract } from './key-value-store-contract.ts';
import { windowStoreContract } from './window-store-contract.ts';

keyValueStoreContract('memory', () => memoryKeyValueStore('store'));
windowStoreContract('memory', () => new MemoryWindowStore('store'));
