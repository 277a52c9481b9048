import { crc32 } from 'node:zlib';

/** Bits of the filter, 16 MiB: of ten million keys one in fifty is taken for one that was there already. */
const BITS = 2 ** 27;

/** Remembers keys in a bounded place: it never forgets one, and now and then takes a new one for one that it knows. */
export class SeenKeys {
  readonly #bits = new Uint32Array(BITS / 32);

  /** Returns whether the key is new. */
  add(key: Buffer): boolean {
    const first = crc32(key);
    const isNew = this.#set(first % BITS);
    return this.#set(Math.imul(first ^ (first >>> 15), 0x2c1b3c6d) >>> 5) || isNew;
  }

  #set(bit: number): boolean {
    const at = bit >>> 5;
    const mask = 1 << (bit & 31);
    const word = this.#bits[at] ?? 0;
    this.#bits[at] = word | mask;
    return (word & mask) === 0;
  }
}
