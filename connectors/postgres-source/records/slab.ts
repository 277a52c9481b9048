/** Large enough that a slab serves a thousand rows, small enough that a slow reader of one row does not pin much. */
const SLAB_BYTES = 256 * 1024;
/** Slabs that wait for their next use: 16 MiB. */
const SPARE_MAX = 64;

/**
 * Memory that encoded rows are written into, one behind the other. Views of it stay valid until {@link reuse} takes it
 * back; who keeps a view for longer than its record is on the way to Kafka keeps a copy.
 */
export class Slab {
  buffer: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the next byte goes. */
  at = 0;
  readonly #spare: Buffer[] = [];
  /** What has the common size, and is ours. */
  readonly #own = new WeakSet<Buffer>([this.buffer]);

  /** Lets go of memory that was made for one very large row. */
  renew(): void {
    if (this.buffer.length === SLAB_BYTES) return;
    this.#begin(SLAB_BYTES);
  }

  /** Makes room for `bytes` in one piece. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    this.#begin(Math.max(SLAB_BYTES, bytes));
  }

  /**
   * Takes back the memory of records that are in Kafka, but for what records have that still wait.
   */
  reuse(published: ReadonlySet<Buffer>, waiting: ReadonlySet<Buffer>): void {
    for (const buffer of published) {
      if (buffer === this.buffer || !this.#own.has(buffer) || waiting.has(buffer)) continue;
      if (this.#spare.length < SPARE_MAX) this.#spare.push(buffer);
    }
  }

  #begin(bytes: number): void {
    this.at = 0;
    const spare = bytes === SLAB_BYTES ? this.#spare.pop() : undefined;
    this.buffer = spare ?? Buffer.allocUnsafeSlow(bytes);
    if (bytes === SLAB_BYTES) this.#own.add(this.buffer);
  }
}
