/** What an entry costs beside its key and value, bytes: the string, the Buffer and their places in a Map. */
const ENTRY_BYTES = 200;

/**
 * Values of a store on disk that were used lately; a null is a key that is known to have none. Two generations stand for
 * the order of use: what is used is in the younger one, and when that one is full the older one is forgotten.
 */
export class ValueCache {
  readonly #bytesMax: number;
  #young = new Map<string, Buffer | null>();
  #old = new Map<string, Buffer | null>();
  #youngBytes = 0;

  /** `bytesMax` bounds what it holds, both generations together. */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Undefined where nothing is known of the key. */
  get(key: string): Buffer | null | undefined {
    const young = this.#young.get(key);
    if (young !== undefined) return young;
    const old = this.#old.get(key);
    if (old !== undefined) this.set(key, old);
    return old;
  }

  /** Whether anything is known of the key; it does not count as a use. */
  has(key: string): boolean {
    return this.#young.has(key) || this.#old.has(key);
  }

  set(key: string, value: Buffer | null): void {
    const before = this.#young.get(key);
    if (before === undefined) this.#youngBytes += ENTRY_BYTES + key.length;
    this.#youngBytes += (value?.length ?? 0) - (before?.length ?? 0);
    this.#young.set(key, value);
    if (this.#youngBytes * 2 <= this.#bytesMax) return;
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }
}
