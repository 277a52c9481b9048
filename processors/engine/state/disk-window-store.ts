import { must } from '../../../infra/process/assert.ts';
import { type DiskStore, STORE_PREFIX_BYTES, prefixed, storePrefix } from './disk-store.ts';
import type { LevelBatch, LevelDatabase } from './level-database.ts';
import { MemoryWindowStore } from './memory-window-store.ts';
import { TIME_BYTES, readTime, writeTime } from './time-bytes.ts';
import type { HeldValue, ValueHome } from './value-home.ts';
import { CLOCK_KEY, parseWindowKey } from './window-key.ts';

/** Values that one store keeps in memory beyond its index, bytes. */
const HELD_BYTES_MAX = 16 * 1024 * 1024;
/** What a kept value costs beside its bytes. */
const HELD_OVERHEAD_BYTES = 120;
const SEQ_BYTES = 4;
const PLACE_BYTES = STORE_PREFIX_BYTES + TIME_BYTES + SEQ_BYTES;

/**
 * A window store whose values are on disk, in order of time: what is new comes last and what expires goes first, so that
 * LevelDB has little to rearrange. The index stays in memory (some 250 bytes an entry), since a fetch must be synchronous.
 */
export class DiskWindowStore extends MemoryWindowStore implements DiskStore {
  readonly #database: LevelDatabase;
  readonly #number: number;

  /**
   * `number` is the store's among those of its database, from 1. `heldBytesMax` bounds the committed values in memory;
   * default 16 MiB.
   */
  constructor(name: string, database: LevelDatabase, number: number, heldBytesMax = HELD_BYTES_MAX) {
    super(name, new HeldValues(database, storePrefix(number), heldBytesMax));
    this.#database = database;
    this.#number = number;
  }

  async load(): Promise<void> {
    const prefix = storePrefix(this.#number);
    const clock = this.#database.get(prefixed(prefix, CLOCK_KEY));
    if (clock !== null) this.adoptClock(readTime(clock, 0));
    for await (const place of this.#database.keys(prefix, storePrefix(this.#number + 1))) {
      if (place.length < PLACE_BYTES) continue;
      this.adopt({
        time: readTime(place, STORE_PREFIX_BYTES),
        seq: place.readUInt32BE(STORE_PREFIX_BYTES + TIME_BYTES),
        key: place.subarray(PLACE_BYTES),
      });
    }
  }

  write(batch: LevelBatch): void {
    const prefix = storePrefix(this.#number);
    for (const { key, value } of this.staged()) {
      const entry = parseWindowKey(key);
      const place = entry === null ? prefixed(prefix, key) : placeOf(prefix, entry);
      if (value === null) batch.delete(place);
      else batch.put(place, value);
    }
  }

  /** Restored entries are staged like others, until they are written. */
  override restore(key: Buffer, value: Buffer | null): void {
    const entry = parseWindowKey(key);
    if (entry === null) {
      if (value !== null) this.advance(readTime(value, 0));
      return;
    }
    const known = this.get(entry.key, entry.time, entry.seq);
    if (value === null) this.remove(entry.key, entry.time, entry.seq);
    else if (known === null) this.put(entry.key, entry.time, Buffer.from(value), entry.seq);
    else this.replace(known, Buffer.from(value));
  }
}

/**
 * Keeps values in memory that were written or read lately. Two generations stand for the order of use: when the younger
 * one is full, what is only in the older one is let go. Both are looked at when a commit is in, since until then an
 * entry may be the only one to have its value.
 */
class HeldValues implements ValueHome {
  readonly #database: LevelDatabase;
  readonly #prefix: Buffer;
  #young = new Set<HeldValue>();
  #old = new Set<HeldValue>();
  #youngBytes = 0;
  readonly #bytesMax: number;

  constructor(database: LevelDatabase, prefix: Buffer, bytesMax: number) {
    this.#bytesMax = bytesMax;
    this.#database = database;
    this.#prefix = prefix;
  }

  load(entry: HeldValue): Buffer {
    const value = this.#database.get(placeOf(this.#prefix, entry));
    entry.held = must(value, 'an entry of the index has its value on disk');
    this.#use(entry);
    return entry.held;
  }

  committed(entries: Iterable<HeldValue>): void {
    for (const entry of entries) this.#use(entry);
    if (this.#youngBytes * 2 <= this.#bytesMax) return;
    for (const entry of this.#old) if (!this.#young.has(entry)) entry.held = null;
    this.#old = this.#young;
    this.#young = new Set();
    this.#youngBytes = 0;
  }

  #use(entry: HeldValue): void {
    if (this.#young.has(entry)) return;
    this.#young.add(entry);
    this.#youngBytes += HELD_OVERHEAD_BYTES + (entry.held?.length ?? 0);
  }
}

/** Where an entry is on disk: by time, then by arrival; the key makes it unique. */
function placeOf(prefix: Buffer, { key, time, seq }: Pick<HeldValue, 'key' | 'time' | 'seq'>): Buffer {
  const place = Buffer.allocUnsafe(PLACE_BYTES + key.length);
  place.set(prefix, 0);
  writeTime(place, time, STORE_PREFIX_BYTES);
  place.writeUInt32BE(seq, STORE_PREFIX_BYTES + TIME_BYTES);
  place.set(key, PLACE_BYTES);
  return place;
}
