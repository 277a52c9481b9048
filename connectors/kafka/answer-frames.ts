const LENGTH_BYTES = 4;
/** Bytes of one answer: more than any fetch asks for, less than what text or a TLS alert would be as a length. */
const ANSWER_BYTES_MAX = 128 * 1024 * 1024;

/**
 * Cuts the bytes of a connection into answers, each behind its length. An answer's memory is taken once, when its
 * length is known, and each chunk is copied to its place as it comes: the chunk may be used again after that.
 */
export class AnswerFrames {
  readonly #length = Buffer.alloc(LENGTH_BYTES);
  #lengthBytes = 0;
  #frame: Buffer | undefined;
  #filled = 0;

  /**
   * Tells of each answer that is complete with this chunk, without its length.
   * @throws RangeError when a length is none: the other side is no Kafka broker, or speaks TLS
   */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#frame === undefined) at += this.#readLength(chunk, at);
      if (this.#frame === undefined) return;
      const frame = this.#frame;
      const end = Math.min(chunk.length, at + frame.length - this.#filled);
      chunk.copy(frame, this.#filled, at, end);
      this.#filled += end - at;
      at = end;
      if (this.#filled < frame.length) return;
      this.#frame = undefined;
      onFrame(frame);
    }
  }

  #readLength(chunk: Buffer, start: number): number {
    const taken = Math.min(LENGTH_BYTES - this.#lengthBytes, chunk.length - start);
    chunk.copy(this.#length, this.#lengthBytes, start, start + taken);
    this.#lengthBytes += taken;
    if (this.#lengthBytes === LENGTH_BYTES) {
      this.#lengthBytes = 0;
      this.#filled = 0;
      const length = this.#length.readInt32BE();
      if (length < 0 || length > ANSWER_BYTES_MAX)
        throw new RangeError(`an answer of ${length} bytes: this is no Kafka listener without TLS`);
      this.#frame = Buffer.allocUnsafeSlow(length);
    }
    return taken;
  }
}
