import { Failure } from '../../../infra/process/failure.ts';

/** A backend message: type byte, then a length that counts itself. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export const HEADER_BYTES = 5;

/** Bytes that are read into one piece of memory, one behind the other. */
const SLAB_BYTES = 256 * 1024;
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
   * is valid as long as it is held.
   * @throws Failure `source.protocol` when the bytes cannot be messages
   */
  arrived(bytes: number): Buffer | null {
    this.#end += bytes;
    if (this.pendingBytes < this.#needed) return null;
    const slab = this.#slab;
    const start = this.#start;
    const end = this.#walk(slab, start, this.#end);
    this.#start = end;
    return end === start ? null : slab.subarray(start, end);
  }

  /** {@link arrived} for bytes that are somewhere else: they are copied. */
  push(chunk: Buffer): Buffer | null {
    if (this.#slab.length - this.#end < chunk.length) this.#renew(chunk.length);
    chunk.copy(this.#slab, this.#end);
    return this.arrived(chunk.length);
  }

  #walk(slab: Buffer, from: number, to: number): number {
    let start = from;
    this.#needed = HEADER_BYTES;
    while (start + HEADER_BYTES <= to) {
      const length = slab.readInt32BE(start + 1);
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

  /** The old memory is left to the segments that point into it. */
  #renew(roomBytes: number): void {
    const pending = this.#slab.subarray(this.#start, this.#end);
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, pending.length + roomBytes));
    pending.copy(this.#slab);
    this.#start = 0;
    this.#end = pending.length;
  }
}

function badLength(type: number, length: number): Failure {
  const message = `a message of type 0x${type.toString(16)} claims a length of ${length} bytes: the stream is out of step`;
  return new Failure('source.protocol', 'retry', message);
}
