import type { KeyValueStore } from './store.ts';

/** Entries whose key begins with the prefix, in order of key bytes. The store must not change meanwhile. */
export function prefixScan(store: KeyValueStore, prefix: Buffer): ReturnType<KeyValueStore['range']> {
  return store.range(prefix, prefixEnd(prefix));
}

/** The first key after all that begin with the prefix; null where there is none. */
export function prefixEnd(prefix: Buffer): Buffer | null {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length--;
  if (length === 0) return null;
  const end = Buffer.from(prefix.subarray(0, length));
  end[length - 1] = (end[length - 1] ?? 0) + 1;
  return end;
}
