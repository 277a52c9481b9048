import { SortedKeys } from './sorted-keys.ts';
import type { KeyValueStore, StoreChange } from './store.ts';

/**
 * A key-value store in memory. Keys are held as latin1 strings: one character a byte, so their order is byte order.
 * They are put in order at the first scan and kept in order from then on: who never scans pays nothing for it.
 */
export function memoryKeyValueStore(name: string): KeyValueStore {
  const entries = new Map<string, Buffer>();
  /** Keys written since the last commit, with the value from before it. */
  const undo = new Map<string, Buffer | null>();
  let sorted: SortedKeys | null = null;

  const touch = (key: string): void => {
    if (!undo.has(key)) undo.set(key, entries.get(key) ?? null);
  };
  const apply = (key: string, value: Buffer | null): void => {
    if (value === null) {
      if (entries.delete(key)) sorted?.delete(key);
      return;
    }
    if (sorted !== null && !entries.has(key)) sorted.add(key);
    entries.set(key, value);
  };

  return {
    name,
    get entries() {
      return entries.size;
    },
    get stagedEntries() {
      return undo.size;
    },
    get: (key) => entries.get(text(key)) ?? null,
    put(key, value) {
      const id = text(key);
      touch(id);
      apply(id, value);
    },
    delete(key) {
      const id = text(key);
      touch(id);
      apply(id, null);
    },
    *range(from, to) {
      const low = from === null ? '' : text(from);
      const high = to === null ? null : text(to);
      sorted ??= new SortedKeys(entries.keys());
      for (const key of sorted.range(low, high)) {
        const value = entries.get(key);
        if (value !== undefined) yield { key: Buffer.from(key, 'latin1'), value };
      }
    },
    *staged(): Iterable<StoreChange> {
      for (const [key, before] of undo) {
        const value = entries.get(key) ?? null;
        if (value !== null || before !== null) yield { key: Buffer.from(key, 'latin1'), value };
      }
    },
    commit: () => undo.clear(),
    rollback() {
      for (const [key, before] of undo) apply(key, before);
      undo.clear();
    },
    restore: (key, value) => apply(text(key), value === null ? null : Buffer.from(value)),
  };
}

const text = (key: Buffer): string => key.toString('latin1');
