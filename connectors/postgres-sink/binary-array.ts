/** Dimensions, null flag, element type, length and lower bound. */
const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;
const NULL = -1;
const FIRST_BYTES = 1_024;

/**
 * A one-dimensional Postgres array as it is sent in binary, written element by element:
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/arrayfuncs.c (array_recv). Each `add…` writes one
 * whole element.
 */
export class BinaryArray {
  #bytes: Buffer;
  #view: DataView;
  #at = HEADER_BYTES;
  #count = 0;
  #hasNull = false;

  /** @param expectedBytes saves the copies of growing */
  constructor(expectedBytes: number) {
    this.#bytes = Buffer.allocUnsafeSlow(Math.max(expectedBytes, FIRST_BYTES));
    this.#view = viewOf(this.#bytes);
  }

  /** Written so far. */
  get length(): number {
    return this.#at;
  }

  addNull(): void {
    this.#reserve(LENGTH_BYTES);
    this.#view.setInt32(this.#at, NULL);
    this.#at += LENGTH_BYTES;
    this.#count++;
    this.#hasNull = true;
  }

  addInt8(value: number): void {
    const at = this.#begin(1);
    this.#view.setInt8(at, value);
  }

  addInt16(value: number): void {
    const at = this.#begin(2);
    this.#view.setInt16(at, value);
  }

  addInt32(value: number): void {
    const at = this.#begin(4);
    this.#view.setInt32(at, value);
  }

  /** Of the two halves of a 64-bit number. */
  addInt64(high: number, low: number): void {
    const at = this.#begin(8);
    this.#view.setInt32(at, high);
    this.#view.setInt32(at + 4, low);
  }

  addBigInt(value: bigint): void {
    const at = this.#begin(8);
    this.#view.setBigInt64(at, value);
  }

  addFloat(value: number): void {
    const at = this.#begin(4);
    this.#view.setFloat32(at, value);
  }

  addDouble(value: number): void {
    const at = this.#begin(8);
    this.#view.setFloat64(at, value);
  }

  /** `bytes[start, end)`, behind a version byte where the type has one. */
  addBytes(bytes: Buffer, start: number, end: number, version: number | null): void {
    const at = this.#beginVersioned(end - start, version);
    // A call into the runtime costs more than a few bytes do.
    if (end - start > COPIED_BY_HAND_MAX) bytes.copy(this.#bytes, at, start, end);
    else for (let i = 0; i < end - start; i++) this.#bytes[at + i] = bytes[start + i] as number;
  }

  addText(text: string, version: number | null): void {
    const length = Buffer.byteLength(text);
    const at = this.#beginVersioned(length, version);
    // Not before: the buffer may have been replaced by a larger one.
    this.#bytes.write(text, at, length, 'utf8');
  }

  /** 16-bit words: what a `numeric` consists of. */
  addWords(words: Int16Array, count: number): void {
    const at = this.#begin(count * 2);
    for (let i = 0; i < count; i++) this.#view.setInt16(at + i * 2, words[i] as number);
  }

  /** The whole array. Nothing may be added afterwards. @param elementOid `pg_type.oid` of the elements */
  finish(elementOid: number): Buffer {
    const view = this.#view;
    view.setInt32(0, this.#count === 0 ? 0 : 1);
    view.setInt32(4, this.#hasNull ? 1 : 0);
    view.setInt32(8, elementOid);
    view.setInt32(12, this.#count);
    view.setInt32(16, 1);
    // An empty array has no dimension.
    return this.#bytes.subarray(0, this.#count === 0 ? 12 : this.#at);
  }

  #beginVersioned(length: number, version: number | null): number {
    if (version === null) return this.#begin(length);
    const at = this.#begin(length + 1);
    this.#bytes[at] = version;
    return at + 1;
  }

  /** Writes the length of an element. Returns where its bytes belong. */
  #begin(length: number): number {
    this.#reserve(LENGTH_BYTES + length);
    const at = this.#at;
    this.#view.setInt32(at, length);
    this.#at = at + LENGTH_BYTES + length;
    this.#count++;
    return at + LENGTH_BYTES;
  }

  #reserve(bytes: number): void {
    const needed = this.#at + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2));
    this.#bytes.copy(larger, 0, 0, this.#at);
    this.#bytes = larger;
    this.#view = viewOf(larger);
  }
}

const COPIED_BY_HAND_MAX = 24;

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
