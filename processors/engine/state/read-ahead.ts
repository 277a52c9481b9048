/** Reads many committed values of a store, off the main thread. */
export type ReadMany = (keys: readonly Buffer[]) => Promise<readonly (Buffer | null)[]>;

/** Values read ahead and not yet asked for, of one store, bytes; what was read first goes first. */
const BYTES_MAX = 4 * 1024 * 1024;
/** Of that, what is read at a time. */
const READ_BYTES_MAX = BYTES_MAX / 2;
/** What a value costs beside its bytes. */
const VALUE_BYTES = 200;
/** Values whose size tells how many of the next ones there is room for. */
const SIZES_AVERAGED = 100;
/** After so many keys it is seen whether their values were asked for. */
const JUDGED_KEYS = 4_000;
/** Of them this part must have been: where it was less, the store goes by other keys than its task's records. */
const USED_SHARE_MIN = 1 / 4;
/** Keys passed over before it is tried again. */
const PASSED_OVER_KEYS = 200_000;

/**
 * Committed values that a store will soon be asked for, read while the main thread does something else. It holds nothing
 * but what is on disk: the store tells which keys a commit has changed.
 */
export class ReadAhead {
  readonly #read: ReadMany;
  readonly #values = new Map<string, Buffer | null>();
  #bytes = 0;
  #underway = 0;
  /** Keys committed while values were being read: what was read of them may be old. */
  readonly #outdated = new Set<string>();
  #asked = 0;
  #used = 0;
  #passOver = 0;
  /** The size of values lately read: how many fit is to be known before they are read. */
  #valueBytes = VALUE_BYTES * 2;

  constructor(read: ReadMany) {
    this.#read = read;
  }

  /** Hands out what was read of a key, once; null where the key has no value, undefined where it was not read. */
  take(id: string): Buffer | null | undefined {
    const value = this.#values.get(id);
    if (value === undefined) return undefined;
    this.#drop(id, value);
    this.#used++;
    return value;
  }

  /** The key's value on disk is another one now. */
  forget(id: string): void {
    const value = this.#values.get(id);
    if (value !== undefined) this.#drop(id, value);
    if (this.#underway > 0) this.#outdated.add(id);
  }

  /** Reads what is not known of these keys, the first ones of very large values. @throws as the read does */
  async fetch(keys: readonly Buffer[], isKnown: (id: string) => boolean): Promise<void> {
    if (this.#passOver > 0) {
      this.#passOver -= keys.length;
      return;
    }
    const wanted = this.#wanted(keys, isKnown);
    if (wanted.size === 0) return;
    this.#underway++;
    try {
      const values = await this.#read([...wanted.values()]);
      let at = 0;
      for (const id of wanted.keys()) this.#keep(id, values[at++] ?? null);
    } finally {
      this.#underway--;
      if (this.#underway === 0) this.#outdated.clear();
    }
    this.#judge(wanted.size);
  }

  #wanted(keys: readonly Buffer[], isKnown: (id: string) => boolean): Map<string, Buffer> {
    const wanted = new Map<string, Buffer>();
    let room = READ_BYTES_MAX;
    for (const key of keys) {
      if (room < this.#valueBytes) break;
      const id = key.toString('latin1');
      if (wanted.has(id) || this.#values.has(id) || isKnown(id)) continue;
      wanted.set(id, key);
      room -= this.#valueBytes;
    }
    return wanted;
  }

  #keep(id: string, value: Buffer | null): void {
    if (this.#outdated.has(id) || this.#values.has(id)) return;
    const bytes = sizeOf(id, value);
    this.#values.set(id, value);
    this.#bytes += bytes;
    this.#valueBytes += (bytes - this.#valueBytes) / SIZES_AVERAGED;
    for (const [first, held] of this.#values) {
      if (this.#bytes <= BYTES_MAX) return;
      this.#drop(first, held);
    }
  }

  #drop(id: string, value: Buffer | null): void {
    this.#values.delete(id);
    this.#bytes -= sizeOf(id, value);
  }

  #judge(asked: number): void {
    this.#asked += asked;
    if (this.#asked < JUDGED_KEYS) return;
    if (this.#used < this.#asked * USED_SHARE_MIN) this.#passOver = PASSED_OVER_KEYS;
    this.#asked = this.#used = 0;
  }
}

const sizeOf = (id: string, value: Buffer | null): number => VALUE_BYTES + id.length + (value?.length ?? 0);
