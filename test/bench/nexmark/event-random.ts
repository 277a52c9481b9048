const GOLDEN = 0x9e3779b9;
const U32 = 2 ** 32;

/** Numbers by chance that follow from a seed alone (splitmix32), so that an event is a function of its number. */
export class EventRandom {
  #state: number;

  constructor(seed: number) {
    // Neighbouring seeds would otherwise begin with numbers of one another's sequences.
    this.#state = mix(Math.imul(seed, 0x27d4eb2f) ^ Math.floor(seed / U32) ^ GOLDEN);
  }

  /** A whole number in [0, below). */
  below(below: number): number {
    this.#state = (this.#state + GOLDEN) | 0;
    return Math.floor((mix(this.#state) / U32) * below);
  }

  /** In [0, 1). */
  fraction(): number {
    return this.below(U32) / U32;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

function mix(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x21f0aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x735a2d97);
  return (mixed ^ (mixed >>> 15)) >>> 0;
}
