import type { LevelBatch } from './level-database.ts';
import type { StateStore } from './store.ts';

/** Bytes of the number that all keys of one store begin with. */
export const STORE_PREFIX_BYTES = 2;

/** A store whose committed entries are on disk, among those of the other stores of its task. */
export interface DiskStore extends StateStore {
  /** Adds the staged writes, and what was restored, to the batch that makes them durable; {@link StateStore.commit} follows. */
  write(batch: LevelBatch): void;
  /** Takes up what an earlier life has left on disk. Once, before the store is used. `entries` is what was there. */
  load(entries: number): Promise<void>;
  /** Reads what is on disk of keys that the store may be asked for next. @throws Failure `engine.state_damaged` (restart) */
  readAhead?(keys: readonly Buffer[]): Promise<void>;
}

/** What the keys of a store begin with: 0 is kept for what belongs to none. */
export function storePrefix(number: number): Buffer {
  const prefix = Buffer.allocUnsafe(STORE_PREFIX_BYTES);
  prefix.writeUInt16BE(number, 0);
  return prefix;
}

export const prefixed = (prefix: Buffer, key: Buffer): Buffer =>
  Buffer.concat([prefix, key], STORE_PREFIX_BYTES + key.length);
