/** Reads many committed values of a store, off the main thread. */
export type ReadMany = (keys: readonly Buffer[]) => Promise<readonly (Buffer | null)[]>;

/** Values read ahead and not yet asked for, of one store, bytes. */
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
  /** Two generations: when the younger one is full, what is left of the older one is let go. */
  #young = new Map<string, Buffer | null>();
  #old = new Map<string, Buffer | null>();
  #youngBytes = 0;
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
    const value = this.#remove(id);
    if (value !== undefined) this.#used++;
    return value;
  }

  /** The key's value on disk is another one now. */
  forget(id: string): void {
    this.#remove(id);
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
      if (wanted.has(id) || this.#young.has(id) || this.#old.has(id) || isKnown(id)) continue;
      wanted.set(id, key);
      room -= this.#valueBytes;
    }
    return wanted;
  }

  #keep(id: string, value: Buffer | null): void {
    if (this.#outdated.has(id) || this.#young.has(id) || this.#old.has(id)) return;
    const bytes = sizeOf(id, value);
    this.#young.set(id, value);
    this.#youngBytes += bytes;
    this.#valueBytes += (bytes - this.#valueBytes) / SIZES_AVERAGED;
    if (this.#youngBytes * 2 <= BYTES_MAX) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  #remove(id: string): Buffer | null | undefined {
    const young = this.#young.get(id);
    if (young === undefined) {
      const old = this.#old.get(id);
      if (old !== undefined) this.#old.delete(id);
      return old;
    }
    this.#young.delete(id);
    this.#youngBytes -= sizeOf(id, young);
    return young;
  }

  #judge(asked: number): void {
    this.#asked += asked;
    if (this.#asked < JUDGED_KEYS) return;
    if (this.#used < this.#asked * USED_SHARE_MIN) this.#passOver = PASSED_OVER_KEYS;
    this.#asked = this.#used = 0;
  }
}

const sizeOf = (id: string, value: Buffer | null): number => VALUE_BYTES + id.length + (value?.length ?? 0);
