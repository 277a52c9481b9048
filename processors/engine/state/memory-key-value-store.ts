import type { KeyValueStore, StoreChange } from './store.ts';

/** A key-value store in memory. Keys are held as latin1 strings: one character a byte, so their order is byte order. */
export function memoryKeyValueStore(name: string): KeyValueStore {
  const entries = new Map<string, Buffer>();
  /** Keys written since the last commit, with the value from before it. */
  const undo = new Map<string, Buffer | null>();

  const touch = (key: string): void => {
    if (!undo.has(key)) undo.set(key, entries.get(key) ?? null);
  };
  const apply = (key: string, value: Buffer | null): void => {
    if (value === null) entries.delete(key);
    else entries.set(key, value);
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
      entries.set(id, value);
    },
    delete(key) {
      const id = text(key);
      touch(id);
      entries.delete(id);
    },
    *range(from, to) {
      const low = from === null ? '' : text(from);
      const high = to === null ? null : text(to);
      for (const key of [...entries.keys()].sort()) {
        if (key < low || (high !== null && key >= high)) continue;
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
