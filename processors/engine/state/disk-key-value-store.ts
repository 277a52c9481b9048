import { must } from '../../../infra/process/assert.ts';
import { type DiskStore, STORE_PREFIX_BYTES, prefixed, storePrefix } from './disk-store.ts';
import type { LevelBatch, LevelDatabase } from './level-database.ts';
import { ReadAhead } from './read-ahead.ts';
import { SeenKeys } from './seen-keys.ts';
import { SortedKeys } from './sorted-keys.ts';
import type { KeyValueStore, StoreChange } from './store.ts';
import { ValueCache } from './value-cache.ts';

/** Values that one store keeps in memory, bytes. */
const CACHE_BYTES_MAX = 8 * 1024 * 1024;

interface Staged {
  value: Buffer | null;
  /** Whether the key had a value at the last commit. Not asked of what is restored. */
  readonly existed: boolean;
}

/**
 * A key-value store on disk. In memory is what was written since the last commit, a bounded part of the rest, and the keys
 * of a store that is scanned: LevelDB has a synchronous read of one key only.
 */
export class DiskKeyValueStore implements KeyValueStore, DiskStore {
  readonly name: string;
  readonly #database: LevelDatabase;
  readonly #number: number;
  readonly #prefix: Buffer;
  readonly #cache: ValueCache;
  readonly #ahead: ReadAhead;
  readonly #staged = new Map<string, Staged>();
  #sorted: SortedKeys | null;
  /** While an empty store is restored in full: asking LevelDB for each key, only to count it, would take twice the time. */
  #restoring: SeenKeys | null = null;
  #wasEmpty = true;
  #entries = 0;
  #committedEntries = 0;

  /**
   * `number` is the store's among those of its database, from 1. `scanned` makes {@link range} possible. `cacheBytesMax`
   * bounds the committed values in memory; default 8 MiB.
   */
  constructor(
    name: string,
    database: LevelDatabase,
    number: number,
    scanned: boolean,
    cacheBytesMax = CACHE_BYTES_MAX,
  ) {
    this.name = name;
    this.#cache = new ValueCache(cacheBytesMax);
    this.#database = database;
    this.#number = number;
    this.#prefix = storePrefix(number);
    this.#ahead = new ReadAhead((keys) => database.getMany(keys.map((key) => prefixed(this.#prefix, key))));
    this.#sorted = scanned ? new SortedKeys([]) : null;
  }

  get entries(): number {
    return this.#entries;
  }

  get stagedEntries(): number {
    return this.#staged.size;
  }

  async load(entries: number): Promise<void> {
    this.#entries = this.#committedEntries = entries;
    this.#wasEmpty = entries === 0;
    if (this.#sorted === null) return;
    const keys: string[] = [];
    for await (const key of this.#database.keys(this.#prefix, storePrefix(this.#number + 1)))
      keys.push(text(key.subarray(STORE_PREFIX_BYTES)));
    this.#sorted = new SortedKeys(keys);
  }

  get(key: Buffer): Buffer | null {
    const id = text(key);
    const staged = this.#staged.get(id);
    return staged === undefined ? this.#committed(id, key) : staged.value;
  }

  async readAhead(keys: readonly Buffer[]): Promise<void> {
    await this.#ahead.fetch(keys, (id) => this.#staged.has(id) || this.#cache.has(id));
  }

  put(key: Buffer, value: Buffer): void {
    this.#stage(text(key), key, value);
  }

  delete(key: Buffer): void {
    this.#stage(text(key), key, null);
  }

  *range(from: Buffer | null, to: Buffer | null): ReturnType<KeyValueStore['range']> {
    const sorted = must(this.#sorted, `the plan does not say that the store ${this.name} is scanned`);
    for (const id of sorted.range(from === null ? '' : text(from), to === null ? null : text(to))) {
      const key = Buffer.from(id, 'latin1');
      const value = this.get(key);
      if (value !== null) yield { key, value };
    }
  }

  *staged(): Iterable<StoreChange> {
    for (const [id, { value, existed }] of this.#staged)
      if (value !== null || existed) yield { key: Buffer.from(id, 'latin1'), value };
  }

  write(batch: LevelBatch): void {
    for (const { key, value } of this.staged()) {
      const place = prefixed(this.#prefix, key);
      if (value === null) batch.delete(place);
      else batch.put(place, value);
    }
  }

  commit(): void {
    for (const [id, { value }] of this.#staged) {
      this.#ahead.forget(id);
      if (this.#restoring === null) this.#cache.set(id, value);
    }
    this.#staged.clear();
    this.#committedEntries = this.#entries;
  }

  rollback(): void {
    for (const [id, { value, existed }] of this.#staged) {
      if (value === null && existed) this.#sorted?.add(id);
      else if (value !== null && !existed) this.#sorted?.delete(id);
    }
    this.#staged.clear();
    this.#entries = this.#committedEntries;
  }

  /** Into an empty store it counts what it can tell apart: {@link entries} may be some percent too low. */
  restore(key: Buffer, value: Buffer | null): void {
    const own = value === null ? null : Buffer.from(value);
    if (!this.#wasEmpty || this.#sorted !== null) return this.#stage(text(key), key, own);
    this.#restoring ??= new SeenKeys();
    this.#staged.set(text(key), { value: own, existed: true });
    const isNew = this.#restoring.add(key);
    if (own === null) this.#entries -= isNew ? 0 : 1;
    else if (isNew) this.#entries++;
  }

  #stage(id: string, key: Buffer, value: Buffer | null): void {
    this.#wasEmpty = false;
    this.#restoring = null;
    const staged = this.#staged.get(id);
    const existed = staged === undefined ? this.#committed(id, key) !== null : staged.existed;
    const isThere = staged === undefined ? existed : staged.value !== null;
    if (staged === undefined) this.#staged.set(id, { value, existed });
    else staged.value = value;
    if (isThere === (value !== null)) return;
    this.#entries += value === null ? -1 : 1;
    if (value === null) this.#sorted?.delete(id);
    else this.#sorted?.add(id);
  }

  #committed(id: string, key: Buffer): Buffer | null {
    const known = this.#cache.get(id);
    if (known !== undefined) return known;
    const ahead = this.#ahead.take(id);
    const value = ahead === undefined ? this.#database.get(prefixed(this.#prefix, key)) : ahead;
    this.#cache.set(id, value);
    return value;
  }
}

const text = (key: Buffer): string => key.toString('latin1');
