import { assert } from '../../infra/process/assert.ts';
import type { Lsn } from './lsn.ts';

/** A transaction that is published in part: its changes up to `seq` are in Kafka. */
interface OpenTransaction {
  readonly finalLsn: Lsn;
  readonly seq: number;
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
    this.#publishedSeq = this.#publishedPart(finalLsn);
  }

  /** Counts one change. True when it has not been published yet. */
  next(): boolean {
    assert(this.#finalLsn !== null, 'a change outside of a transaction');
    this.#seq++;
    return this.#seq > this.#publishedSeq;
  }

  /** Closes the transaction. True when it moves the position; false for one that was published wholly before. */
  commit(): boolean {
    assert(this.#finalLsn !== null, 'Commit outside of a transaction');
    const moves = this.#finalLsn >= this.#position.endLsn;
    this.#finalLsn = null;
    return moves;
  }

  #publishedPart(finalLsn: Lsn): number {
    if (finalLsn < this.#position.endLsn) return Number.POSITIVE_INFINITY;
    const { open } = this.#position;
    return open !== null && open.finalLsn === finalLsn ? open.seq : 0;
  }
}
