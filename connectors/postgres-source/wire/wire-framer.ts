import { Failure } from '../../../infra/process/failure.ts';
import { int32At } from './int32.ts';

/** A backend message: type byte, then a length that counts itself. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export const HEADER_BYTES = 5;

/** Bytes that are read into one piece of memory, one behind the other. */
const SLAB_BYTES = 256 * 1024;
/** Pieces that wait for their next use: 8 MiB, what a stream's queue takes. */
const SPARE_MAX = 32;
/** The system is not asked for less than this at a time. */
const ROOM_BYTES_MIN = 32 * 1024;

/** Called once per whole message; `start` is its type byte. */
type Peek = (segment: Buffer, start: number, end: number) => void;

/**
 * Cuts a server's byte stream into segments of whole messages. The socket reads straight into its memory; of what has
 * been read, only a message that is split over two pieces of memory is copied, once.
 */
export class WireFramer {
  readonly #peek: Peek;
  readonly #spare: Buffer[] = [];
  /** Of each piece of memory, how many segments of it are with their readers. */
  readonly #lent = new WeakMap<ArrayBufferLike, number>();
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the first message that is not whole begins, and where its bytes end for now. */
  #start = 0;
  #end = 0;
  #needed = HEADER_BYTES;

  constructor(peek: Peek) {
    this.#peek = peek;
  }

  /** Bytes of a message that is not whole yet. */
  get pendingBytes(): number {
    return this.#end - this.#start;
  }

  /** Where the next bytes go. The same memory until {@link arrived} tells of bytes in it. */
  room(): Buffer {
    const missing = this.#needed - this.pendingBytes;
    if (this.#slab.length - this.#end < Math.max(missing, ROOM_BYTES_MIN)) this.#renew(missing);
    return this.#slab.subarray(this.#end);
  }

  /**
   * Takes `bytes` that were written into {@link room}. Returns the whole messages that are there now, or null. A view: it
   * is valid until it is given back, or as long as it is held when it never is.
   * @throws Failure `source.protocol` when the bytes cannot be messages
   */
  arrived(bytes: number): Buffer | null {
    this.#end += bytes;
    if (this.pendingBytes < this.#needed) return null;
    const slab = this.#slab;
    const start = this.#start;
    const end = this.#walk(slab, start, this.#end);
    this.#start = end;
    if (end === start) return null;
    this.#lent.set(slab.buffer, (this.#lent.get(slab.buffer) ?? 0) + 1);
    return slab.subarray(start, end);
  }

  /** A segment that nobody reads any more. Its memory is used again when all segments of it are back. */
  giveBack({ buffer }: Buffer): void {
    const lent = (this.#lent.get(buffer) ?? 0) - 1;
    if (lent < 0) return;
    this.#lent.set(buffer, lent);
    if (lent > 0 || buffer === this.#slab.buffer || buffer.byteLength !== SLAB_BYTES) return;
    if (this.#spare.length < SPARE_MAX) this.#spare.push(Buffer.from(buffer));
  }

  /** {@link arrived} for bytes that are somewhere else: they are copied. */
  push(chunk: Buffer): Buffer | null {
    const missing = this.#needed - this.pendingBytes;
    if (this.#slab.length - this.#end < chunk.length) this.#renew(Math.max(chunk.length, missing));
    chunk.copy(this.#slab, this.#end);
    return this.arrived(chunk.length);
  }

  #walk(slab: Buffer, from: number, to: number): number {
    let start = from;
    this.#needed = HEADER_BYTES;
    while (start + HEADER_BYTES <= to) {
      const length = int32At(slab, start + 1);
      if (length < 4) throw badLength(slab[start] ?? 0, length);
      const end = start + 1 + length;
      if (end > to) {
        this.#needed = end - start;
        break;
      }
      this.#peek(slab, start, end);
      start = end;
    }
    return start;
  }

  /** The old memory is left to the segments that point into it; without one it is free at once. */
  #renew(roomBytes: number): void {
    const old = this.#slab;
    const pending = old.subarray(this.#start, this.#end);
    const bytes = Math.max(SLAB_BYTES, pending.length + roomBytes);
    const spare = bytes === SLAB_BYTES ? this.#spare.pop() : undefined;
    this.#slab = spare ?? Buffer.allocUnsafeSlow(bytes);
    pending.copy(this.#slab);
    this.#start = 0;
    this.#end = pending.length;
    if (this.#lent.get(old.buffer) === 0 && old.length === SLAB_BYTES && this.#spare.length < SPARE_MAX)
      this.#spare.push(old);
  }
}

function badLength(type: number, length: number): Failure {
  const message = `a message of type 0x${type.toString(16)} claims a length of ${length} bytes: the stream is out of step`;
  return new Failure('source.protocol', 'retry', message);
}
