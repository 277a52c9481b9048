import { SortedKeys } from './sorted-keys.ts';
import type { KeyValueStore, StoreChange } from './store.ts';
import { ValueArena } from './value-arena.ts';

/**
 * A key-value store in memory. Keys are held as latin1 strings: one character a byte, so their order is byte order.
 * They are put in order at the first scan and kept in order from then on: who never scans pays nothing for it.
 */
export function memoryKeyValueStore(name: string): KeyValueStore {
  /** The slots of their values. */
  const entries = new Map<string, number>();
  const values = new ValueArena();
  /** Keys written since the last commit, with the value from before it. */
  const undo = new Map<string, Buffer | null>();
  let sorted: SortedKeys | null = null;

  const valueOf = (key: string): Buffer | null => {
    const slot = entries.get(key);
    return slot === undefined ? null : values.get(slot);
  };
  const touch = (key: string): void => {
    if (!undo.has(key)) undo.set(key, valueOf(key));
  };
  const apply = (key: string, value: Buffer | null): void => {
    const slot = entries.get(key);
    if (slot !== undefined) values.release(slot);
    if (value === null) {
      if (entries.delete(key)) sorted?.delete(key);
      return;
    }
    if (slot === undefined) sorted?.add(key);
    entries.set(key, values.add(value));
  };

  return {
    name,
    get entries() {
      return entries.size;
    },
    get stagedEntries() {
      return undo.size;
    },
    get: (key) => valueOf(text(key)),
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
        const value = valueOf(key);
        if (value !== null) yield { key: Buffer.from(key, 'latin1'), value };
      }
    },
    *staged(): Iterable<StoreChange> {
      for (const [key, before] of undo) {
        const value = valueOf(key);
        if (value !== null || before !== null) yield { key: Buffer.from(key, 'latin1'), value };
      }
    },
    commit() {
      undo.clear();
      values.compact();
    },
    rollback() {
      for (const [key, before] of undo) apply(key, before);
      undo.clear();
    },
    restore(key, value) {
      apply(text(key), value);
      values.compact();
    },
  };
}

const text = (key: Buffer): string => key.toString('latin1');
