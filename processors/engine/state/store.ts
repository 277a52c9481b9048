/** A staged write in the form that the changelog carries; a null value is a delete. */
export interface StoreChange {
  readonly key: Buffer;
  readonly value: Buffer | null;
}

/**
 * State of one operator in one task. Reads see staged and committed writes alike. The task drives the boundary: it
 * writes {@link staged} to the changelog inside the Kafka transaction, then calls {@link commit}. When the transaction
 * fails, a store in memory goes with its session and is built again; one that outlives its session is taken
 * back by {@link rollback}. So a store is never ahead of its changelog.
 */
export interface StateStore {
  readonly name: string;
  /** Number of entries, staged ones included. */
  readonly entries: number;
  /** Number of staged writes. */
  readonly stagedEntries: number;
  /** The staged writes, the last one per key. */
  staged(): Iterable<StoreChange>;
  commit(): void;
  rollback(): void;
  /**
   * Takes one record of the changelog, past the staging. Only before the store is used; one in memory takes it also when
   * its task has let go of it.
   */
  restore(key: Buffer, value: Buffer | null): void;
}

/** The newest value of each key. */
export interface KeyValueStore extends StateStore {
  get(key: Buffer): Buffer | null;
  put(key: Buffer, value: Buffer): void;
  delete(key: Buffer): void;
  /** Entries with `from <= key < to` in byte order; null leaves an end open. The store must not change meanwhile. */
  range(from: Buffer | null, to: Buffer | null): Iterable<{ readonly key: Buffer; readonly value: Buffer }>;
}

/** One entry of a window store; `(key, time, seq)` is its identity, so equal keys and times may repeat. */
export interface WindowEntry {
  readonly key: Buffer;
  /** Event time, milliseconds. */
  readonly time: number;
  readonly seq: number;
  readonly value: Buffer;
}

/** Entries in order of time, found by key, and a clock that survives with them. */
export interface WindowStore extends StateStore {
  /** Highest time given to {@link advance}; -Infinity before the first. */
  readonly streamTime: number;
  /** Moves the clock forward; an earlier time changes nothing. */
  advance(time: number): void;
  /** Adds an entry and returns its sequence number. A given number names an entry of another store that this one stands for. */
  put(key: Buffer, time: number, value: Buffer, seq?: number): number;
  get(key: Buffer, time: number, seq: number): WindowEntry | null;
  /** Gives an entry, as the store has just handed it out, another value. */
  replace(entry: WindowEntry, value: Buffer): void;
  /** Removes an entry; does nothing when it is not there. */
  remove(key: Buffer, time: number, seq: number): void;
  /** Entries of a key with `from <= time <= to`, by time, then by arrival. */
  fetch(key: Buffer, from: number, to: number): readonly WindowEntry[];
  /** The entry with the lowest time, null when there is none. */
  oldest(): WindowEntry | null;
  /** Removes the entries with `time < before`. */
  expire(before: number): void;
}
