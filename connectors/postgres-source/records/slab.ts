/** Large enough that a slab serves a thousand rows, small enough that a slow reader of one row does not pin much. */
const SLAB_BYTES = 256 * 1024;

/**
 * Memory that encoded rows are written into, one behind the other. Views of it stay valid: a full slab is left to the
 * records that point into it, and a new one is begun.
 */
export class Slab {
  buffer: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the next byte goes. */
  at = 0;

  /** Lets go of memory that was made for one very large row. */
  renew(): void {
    if (this.buffer.length === SLAB_BYTES) return;
    this.buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
    this.at = 0;
  }

  /** Makes room for `bytes` in one piece. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return;
    this.buffer = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes));
    this.at = 0;
  }
}
