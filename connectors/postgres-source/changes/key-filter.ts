/** One MiB; with a million keys in it, about one of twenty others is taken for a member, and looked up in vain. */
const FILTER_BYTES = 1024 * 1024;
const BITS = FILTER_BYTES * 8;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;
const SECOND_SEED = 0x9e3779b9;

/**
 * Tells for most keys that were never added that they were not, in a memory of fixed size. A key that was added is
 * always told so (Bloom, 1970).
 */
export class KeyFilter {
  readonly #bits = new Uint8Array(FILTER_BYTES);
  #first = 0;
  #second = 0;
  #isEmpty = true;

  add(space: number, key: Buffer): void {
    this.#isEmpty = false;
    this.#hash(space, key, 0, key.length);
    this.#set(this.#first);
    this.#set(this.#second);
  }

  /** False only for a key, in [start, end) of `source`, that was not added. */
  mayHave(space: number, source: Buffer, start: number, end: number): boolean {
    if (this.#isEmpty) return false;
    this.#hash(space, source, start, end);
    return this.#has(this.#first) && this.#has(this.#second);
  }

  #hash(space: number, source: Buffer, start: number, end: number): void {
    let first = FNV_OFFSET ^ space;
    let second = SECOND_SEED ^ space;
    for (let i = start; i < end; i++) {
      const byte = source[i] as number;
      first = Math.imul(first ^ byte, FNV_PRIME);
      second = Math.imul(second ^ byte, FNV_PRIME);
      second ^= second >>> 15;
    }
    this.#first = (first >>> 0) % BITS;
    this.#second = (second >>> 0) % BITS;
  }

  #set(bit: number): void {
    this.#bits[bit >>> 3] = (this.#bits[bit >>> 3] as number) | (1 << (bit & 7));
  }

  #has(bit: number): boolean {
    return ((this.#bits[bit >>> 3] as number) & (1 << (bit & 7))) !== 0;
  }
}
