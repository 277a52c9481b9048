import { Failure } from '../../infra/process/failure.ts';

/**
 * The primitive types of the Kafka protocol (https://kafka.apache.org/protocol#protocol_types). Numbers are exact
 * up to 2^53. `compact` types are those of the flexible versions (KIP-482).
 */
const TWO_32 = 2 ** 32;
const INITIAL_BYTES = 256;

/** One growing buffer. */
export class WireWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = 0;

  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#at);
  }

  int8(value: number): this {
    const at = this.#reserve(1);
    this.#buffer.writeInt8(value, at);
    return this;
  }

  int16(value: number): this {
    const at = this.#reserve(2);
    this.#buffer.writeInt16BE(value, at);
    return this;
  }

  int32(value: number): this {
    const at = this.#reserve(4);
    this.#buffer.writeInt32BE(value, at);
    return this;
  }

  int64(value: number): this {
    const at = this.#reserve(8);
    this.#buffer.writeInt32BE(Math.floor(value / TWO_32), at);
    this.#buffer.writeUInt32BE(value >>> 0, at + 4);
    return this;
  }

  bool(value: boolean): this {
    return this.int8(value ? 1 : 0);
  }

  string(value: string | null): this {
    if (value === null) return this.int16(-1);
    const length = Buffer.byteLength(value);
    this.int16(length);
    const at = this.#reserve(length);
    this.#buffer.write(value, at);
    return this;
  }

  array<T>(items: readonly T[], write: (item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(item);
    return this;
  }

  blob(value: Buffer | null): this {
    if (value === null) return this.int32(-1);
    this.int32(value.length);
    const at = this.#reserve(value.length);
    value.copy(this.#buffer, at);
    return this;
  }

  compactString(value: string | null): this {
    if (value === null) return this.#unsigned(0);
    const length = Buffer.byteLength(value);
    this.#unsigned(length + 1);
    const at = this.#reserve(length);
    this.#buffer.write(value, at);
    return this;
  }

  compactArray<T>(items: readonly T[], write: (item: T) => void): this {
    this.#unsigned(items.length + 1);
    for (const item of items) write(item);
    return this;
  }

  /** An empty set of tagged fields, which ends each flexible structure. */
  noTags(): this {
    return this.#unsigned(0);
  }

  #unsigned(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.#byte((rest & 0x7f) | 0x80);
    return this.#byte(rest);
  }

  #byte(value: number): this {
    const at = this.#reserve(1);
    this.#buffer[at] = value;
    return this;
  }

  /** May replace the buffer: to be called before the buffer is named in an expression, not inside of one. */
  #reserve(length: number): number {
    const at = this.#at;
    const end = at + length;
    if (end > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(end, this.#buffer.length * 2));
      this.#buffer.copy(grown, 0, 0, at);
      this.#buffer = grown;
    }
    this.#at = end;
    return at;
  }
}

/**
 * Reads what WireWriter writes. Byte strings are views of the buffer.
 * @throws Failure `kafka.bad_message` (stop) past the end
 */
export class WireReader {
  readonly #buffer: Buffer;
  readonly #what: string;
  #at = 0;

  /** `what` is read, for the message of an error. */
  constructor(buffer: Buffer, what = 'a message') {
    this.#buffer = buffer;
    this.#what = what;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  int8(): number {
    return this.#buffer.readInt8(this.#take(1));
  }

  int16(): number {
    return this.#buffer.readInt16BE(this.#take(2));
  }

  int32(): number {
    return this.#buffer.readInt32BE(this.#take(4));
  }

  int64(): number {
    const at = this.#take(8);
    return this.#buffer.readInt32BE(at) * TWO_32 + this.#buffer.readUInt32BE(at + 4);
  }

  bool(): boolean {
    return this.int8() !== 0;
  }

  string(): string | null {
    const length = this.int16();
    return length < 0 ? null : this.#text(length);
  }

  array<T>(read: () => T): T[] {
    return this.#items(this.int32(), read);
  }

  blob(): Buffer | null {
    const length = this.int32();
    if (length < 0) return null;
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  compactString(): string | null {
    const length = this.#unsigned() - 1;
    return length < 0 ? null : this.#text(length);
  }

  compactArray<T>(read: () => T): T[] {
    return this.#items(this.#unsigned() - 1, read);
  }

  /** Passes over tagged fields: none that are known matter here. */
  skipTags(): void {
    for (let left = this.#unsigned(); left > 0; left--) {
      this.#unsigned();
      this.#take(this.#unsigned());
    }
  }

  #items<T>(length: number, read: () => T): T[] {
    const items: T[] = [];
    for (let left = length; left > 0; left--) items.push(read());
    return items;
  }

  #text(length: number): string {
    const at = this.#take(length);
    return this.#buffer.toString('utf8', at, at + length);
  }

  #unsigned(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#buffer.readUInt8(this.#take(1));
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  }

  #take(length: number): number {
    const at = this.#at;
    if (at + length > this.#buffer.length)
      throw new Failure(
        'kafka.bad_message',
        'stop',
        `${this.#what} of ${this.#buffer.length} bytes ends before byte ${at + length}`,
        { fix: 'see that this is a Kafka broker or client of a version that is known here: 3.9 to 4.x' },
      );
    this.#at = at + length;
    return at;
  }
}
