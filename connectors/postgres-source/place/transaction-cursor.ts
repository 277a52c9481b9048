import { assert } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type Lsn, lsnText } from './lsn.ts';

/** Fowler, Noll and Vo's hash of 32 bits, over numbers in place of bytes. */
const FNV_OFFSET = 0x811c9dc5 | 0;
const FNV_PRIME = 0x01000193;

/** A transaction that is published in part: its changes up to `seq` are in Kafka. */
interface OpenTransaction {
  readonly finalLsn: Lsn;
  readonly seq: number;
  /** What those changes were, as {@link TransactionCursor.prefix}; absent in positions from before it was kept. */
  readonly prefix?: number | undefined;
}

/** How far Kafka is: every transaction before `endLsn`, and a part of the next. */
export interface StreamPosition {
  readonly endLsn: Lsn;
  readonly open: OpenTransaction | null;
}

/**
 * Gives every change its identity `(commit LSN, seq)` and tells whether it is already in Kafka. `seq` counts from 1
 * in WAL order, before any filter: after a restart the same changes get the same numbers, whatever is published.
 */
export class TransactionCursor {
  readonly #position: StreamPosition;
  #finalLsn: Lsn | null = null;
  #seq = 0;
  #publishedSeq = 0;
  #prefix = 0;

  constructor(position: StreamPosition) {
    this.#position = position;
  }

  get inTransaction(): boolean {
    return this.#finalLsn !== null;
  }

  /** The place of the last change in its transaction. */
  get seq(): number {
    return this.#seq;
  }

  /** Tells the changes of the transaction up to {@link seq} from others: a hash of what each was and how long. */
  get prefix(): number {
    return this.#prefix;
  }

  /** The transaction that is being read is published already, or in part. */
  get replays(): boolean {
    return this.#publishedSeq > 0;
  }

  /** The next change of the transaction is not published yet. */
  get nextIsNew(): boolean {
    return this.#finalLsn !== null && this.#seq >= this.#publishedSeq;
  }

  /** LSN of the commit record of the transaction that is being read. */
  get finalLsn(): Lsn {
    assert(this.#finalLsn !== null, 'no transaction is open');
    return this.#finalLsn;
  }

  /** Opens a transaction. The server may send again what was published: its own memory of the reader is older. */
  begin(finalLsn: Lsn): void {
    assert(this.#finalLsn === null, 'Begin inside of a transaction');
    this.#finalLsn = finalLsn;
    this.#seq = 0;
    this.#prefix = FNV_OFFSET;
    this.#publishedSeq = this.#publishedPart(finalLsn);
  }

  /**
   * Counts one change. True when it has not been published yet. `what` is any number that the same change has whenever
   * it is read.
   * @throws Failure `source.prefix_changed` (stop)
   */
  next(what: number): boolean {
    assert(this.#finalLsn !== null, 'a change outside of a transaction');
    this.#seq++;
    this.#prefix = Math.imul(this.#prefix ^ what, FNV_PRIME);
    if (this.#seq === this.#publishedSeq) this.#verifyPrefix();
    return this.#seq > this.#publishedSeq;
  }

  /** Closes the transaction. True when it moves the position; false for one that was published wholly before. */
  commit(): boolean {
    assert(this.#finalLsn !== null, 'Commit outside of a transaction');
    if (this.#seq < this.#publishedSeq && Number.isFinite(this.#publishedSeq)) throw this.#prefixChanged();
    const moves = this.#finalLsn >= this.#position.endLsn;
    this.#finalLsn = null;
    return moves;
  }

  /** What is skipped must be what was published: else rows would be missing, or come twice. */
  #verifyPrefix(): void {
    const known = this.#position.open?.prefix;
    if (known !== undefined && known !== this.#prefix) throw this.#prefixChanged();
  }

  #prefixChanged(): Failure {
    return new Failure(
      'source.prefix_changed',
      'stop',
      `the first ${this.#publishedSeq} changes of the transaction that commits at ${lsnText(this.finalLsn)} are in Kafka, and the server sends others now`,
      {
        fix: 'undo what was done to the publication since (row filters, column lists, members); or drop the slot and the position, and let the tables be read again',
      },
    );
  }

  #publishedPart(finalLsn: Lsn): number {
    if (finalLsn < this.#position.endLsn) return Number.POSITIVE_INFINITY;
    const { open } = this.#position;
    return open !== null && open.finalLsn === finalLsn ? open.seq : 0;
  }
}
