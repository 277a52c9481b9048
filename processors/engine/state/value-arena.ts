import { must } from '../../../infra/process/assert.ts';

/** Bytes of memory taken at once. */
const SLAB_BYTES = 256 * 1024;
/** A value of more than this has a slab of its own, so that no slab is left mostly empty for it. */
const SHARED_BYTES_MAX = SLAB_BYTES / 8;
/** In front of each value: its slot and its length, four bytes each. */
const HEAD_BYTES = 8;
/** Places that are made at first; more double them. */
const FIRST_SLOTS = 1024;
const NOWHERE = -1;

interface Slab {
  readonly bytes: Buffer;
  /** Bytes that are taken, and of these the bytes of values that are still there; both with their heads. */
  used: number;
  live: number;
  isSparse: boolean;
}

/**
 * Many small values in few large pieces of memory. A Buffer for each costs more than most values, and those that Node cuts
 * out of a shared pool keep the whole pool alive. What is left of slabs that are mostly dead is moved together, so that
 * memory stays below twice what is held.
 */
export class ValueArena {
  readonly #slabs: (Slab | null)[] = [];
  readonly #freeSlabs: number[] = [];
  readonly #freeSlots: number[] = [];
  /** By slot: number of the slab, and place in it. */
  #slabOf = new Int32Array(FIRST_SLOTS).fill(NOWHERE);
  #placeOf = new Int32Array(FIRST_SLOTS);
  #slots = 0;
  #open = NOWHERE;
  readonly #sparse: number[] = [];

  /** Memory that it has taken, bytes. */
  get bytes(): number {
    let bytes = 0;
    for (const slab of this.#slabs) bytes += slab?.bytes.length ?? 0;
    return bytes;
  }

  /** Copies a value in. @returns its slot */
  add(value: Buffer): number {
    const slot = this.#freeSlots.pop() ?? this.#newSlot();
    this.#write(slot, value);
    return slot;
  }

  /** A view, which stays as it is whatever becomes of the slot; who keeps one keeps its slab. */
  get(slot: number): Buffer {
    const { bytes } = this.#slab(this.#slabOf[slot] as number);
    const start = (this.#placeOf[slot] as number) + HEAD_BYTES;
    return bytes.subarray(start, start + bytes.readUInt32LE(start - 4));
  }

  /** Gives a slot back. */
  release(slot: number): void {
    const number = this.#slabOf[slot] as number;
    const slab = this.#slab(number);
    slab.live -= HEAD_BYTES + slab.bytes.readUInt32LE((this.#placeOf[slot] as number) + 4);
    this.#slabOf[slot] = NOWHERE;
    this.#freeSlots.push(slot);
    if (number !== this.#open) this.#noteSparse(number, slab);
  }

  /** Moves what is left in slabs that are mostly dead. What it moves, releases have paid for. */
  compact(): void {
    for (let number = this.#sparse.pop(); number !== undefined; number = this.#sparse.pop())
      this.#empty(number);
  }

  #write(slot: number, value: Buffer): void {
    const bytes = HEAD_BYTES + value.length;
    const number = this.#roomFor(bytes);
    const slab = this.#slab(number);
    const at = slab.used;
    slab.bytes.writeUInt32LE(slot, at);
    slab.bytes.writeUInt32LE(value.length, at + 4);
    slab.bytes.set(value, at + HEAD_BYTES);
    slab.used += bytes;
    slab.live += bytes;
    this.#slabOf[slot] = number;
    this.#placeOf[slot] = at;
  }

  #roomFor(bytes: number): number {
    if (bytes > SHARED_BYTES_MAX) return this.#newSlab(bytes);
    const open = this.#slabs[this.#open];
    if (open !== undefined && open !== null && open.used + bytes <= SLAB_BYTES) return this.#open;
    const full = this.#open;
    this.#open = this.#newSlab(SLAB_BYTES);
    if (open !== undefined && open !== null) this.#noteSparse(full, open);
    return this.#open;
  }

  #newSlab(length: number): number {
    const number = this.#freeSlabs.pop() ?? this.#slabs.length;
    this.#slabs[number] = { bytes: Buffer.allocUnsafeSlow(length), used: 0, live: 0, isSparse: false };
    return number;
  }

  #newSlot(): number {
    if (this.#slots === this.#slabOf.length) {
      const grown = new Int32Array(this.#slots * 2).fill(NOWHERE, this.#slots);
      grown.set(this.#slabOf);
      this.#slabOf = grown;
      const places = new Int32Array(this.#slots * 2);
      places.set(this.#placeOf);
      this.#placeOf = places;
    }
    return this.#slots++;
  }

  #noteSparse(number: number, slab: Slab): void {
    if (slab.isSparse || slab.live * 2 > slab.used) return;
    slab.isSparse = true;
    this.#sparse.push(number);
  }

  #empty(number: number): void {
    const { bytes, used } = this.#slab(number);
    let length = 0;
    for (let at = 0; at < used; at += HEAD_BYTES + length) {
      const slot = bytes.readUInt32LE(at);
      length = bytes.readUInt32LE(at + 4);
      if (this.#slabOf[slot] !== number || this.#placeOf[slot] !== at) continue;
      this.#write(slot, bytes.subarray(at + HEAD_BYTES, at + HEAD_BYTES + length));
    }
    this.#slabs[number] = null;
    this.#freeSlabs.push(number);
  }

  #slab(number: number): Slab {
    return must(this.#slabs[number], 'a slot that was given back has no value');
  }
}
