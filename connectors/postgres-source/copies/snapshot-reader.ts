import { BACKEND, backendError } from '../wire/backend-message.ts';
import type { Batcher } from '../publish/batcher.ts';
import type { Lsn } from '../place/lsn.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { ToastFill } from '../toast/toast-fill.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';
import { Tuple, readDataRow } from '../changes/tuple.ts';
import { HEADER_BYTES } from '../wire/wire-framer.ts';

/** What all rows of one snapshot share: their identity is `(lsn, seq)`. */
export interface SnapshotRows {
  readonly batcher: Batcher;
  readonly head: TransactionHead;
  readonly lsn: Lsn;
  readonly toast: ToastFill;
  readonly onRow: (encoder: RowEncoder) => void;
  /** Of the last row that was taken, from whichever table. */
  seq: number;
}

/** Takes the messages of one SELECT's answer apart. */
export class SnapshotReader {
  done = false;
  rows = 0;
  /** What the server said instead of the rows. */
  error: Error | null = null;
  readonly #shared: SnapshotRows;
  readonly #oid: number;
  readonly #encoder: RowEncoder;
  readonly #tuple = new Tuple();
  readonly #commitTs: bigint;

  constructor(shared: SnapshotRows, oid: number, encoder: RowEncoder) {
    this.#shared = shared;
    this.#oid = oid;
    this.#encoder = encoder;
    this.#commitTs = BigInt(shared.head.timestamp) * 1000n;
  }

  /** Reads until the batch is full or the segment ends, and returns the place it came to. */
  read(segment: Buffer, start: number): number {
    const { batcher, lsn } = this.#shared;
    let at = start;
    while (at < segment.length && !batcher.full) {
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.dataRow) this.#row(segment, at + HEADER_BYTES, end);
      else if (segment[at] === BACKEND.ready) this.done = true;
      else if (segment[at] === BACKEND.error) this.error ??= backendError(segment, at, end);
      at = end;
    }
    // Any set of snapshot rows may be published together.
    batcher.endTransaction(lsn, this.#commitTs);
    return at;
  }

  #row(segment: Buffer, at: number, end: number): void {
    const shared = this.#shared;
    readDataRow(segment, at, this.#tuple, end);
    this.rows++;
    const seq = ++shared.seq;
    const record = this.#encoder.row('r', segment, this.#tuple, null, shared.head, seq);
    shared.toast.noteRow(this.#encoder, this.#oid, record, this.#tuple, false);
    shared.batcher.add(record, shared.lsn, seq);
    shared.onRow(this.#encoder);
  }
}
