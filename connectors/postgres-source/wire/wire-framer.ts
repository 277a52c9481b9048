import { Failure } from '../../../infra/process/failure.ts';

/** A backend message: type byte, then a length that counts itself. https://www.postgresql.org/docs/current/protocol-message-formats.html */
export const HEADER_BYTES = 5;

/** Called once per whole message; `start` is its type byte. */
type Peek = (segment: Buffer, start: number, end: number) => void;

/**
 * Cuts a server's byte stream into segments of whole messages. A message that is split over chunks is joined once,
 * when its last byte has arrived, so a row of any size is copied one time.
 */
export class WireFramer {
  readonly #peek: Peek;
  #parts: Buffer[] = [];
  #bytes = 0;
  #needed = HEADER_BYTES;

  constructor(peek: Peek) {
    this.#peek = peek;
  }

  /** Bytes of a message that is not whole yet. */
  get pendingBytes(): number {
    return this.#bytes;
  }

  /**
   * The whole messages that are there now, or null. A view: it is valid as long as it is held.
   * @throws Failure `source.protocol` when the bytes cannot be messages
   */
  push(chunk: Buffer): Buffer | null {
    this.#parts.push(chunk);
    this.#bytes += chunk.length;
    if (this.#bytes < this.#needed) return null;
    const joined = this.#parts.length === 1 ? chunk : Buffer.concat(this.#parts, this.#bytes);
    const end = this.#walk(joined);
    this.#parts = end === joined.length ? [] : [joined.subarray(end)];
    this.#bytes = joined.length - end;
    return end === 0 ? null : joined.subarray(0, end);
  }

  #walk(joined: Buffer): number {
    let start = 0;
    this.#needed = HEADER_BYTES;
    while (start + HEADER_BYTES <= joined.length) {
      const length = joined.readInt32BE(start + 1);
      if (length < 4) throw badLength(joined[start] ?? 0, length);
      const end = start + 1 + length;
      if (end > joined.length) {
        this.#needed = end - start;
        break;
      }
      this.#peek(joined, start, end);
      start = end;
    }
    return start;
  }
}

function badLength(type: number, length: number): Failure {
  const message = `a message of type 0x${type.toString(16)} claims a length of ${length} bytes: the stream is out of step`;
  return new Failure('source.protocol', 'retry', message);
}
