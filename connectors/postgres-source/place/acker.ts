import { assert } from '../../../infra/process/assert.ts';
import type { Lsn } from './lsn.ts';

/**
 * The only thing that computes what the slot may forget. The server skips a transaction whose commit record starts
 * before the acknowledged LSN, and the next commit record can start right there: so the LSN is the end of what is in
 * a *committed* Kafka transaction together with its position record; never one byte more, never inside a transaction.
 *
 * `reached` is how far the stream has been read in whole transactions; `flushed` is how far Kafka is.
 */
export class Acker {
  #reached: Lsn;
  #flushed: Lsn;
  #inTransaction = false;

  constructor(start: Lsn) {
    this.#reached = start;
    this.#flushed = start;
  }

  /** Everything before it has been read in whole transactions. Publish this as the position, after the rows. */
  get reached(): Lsn {
    return this.#reached;
  }

  /** What a status frame may say. */
  get flushed(): Lsn {
    return this.#flushed;
  }

  begin(): void {
    this.#inTransaction = true;
  }

  commit(endLsn: Lsn): void {
    this.#inTransaction = false;
    if (endLsn > this.#reached) this.#reached = endLsn;
  }

  /**
   * A keepalive, taken in its turn: everything the server had for us before `walEnd` has been read. Inside of a
   * transaction it says nothing that can be used.
   */
  keepalive(walEnd: Lsn): void {
    if (!this.#inTransaction && walEnd > this.#reached) this.#reached = walEnd;
  }

  /** The Kafka transaction that carries the position `endLsn` is committed. */
  published(endLsn: Lsn): void {
    assert(endLsn <= this.#reached, `position ${endLsn} is beyond what was read (${this.#reached})`);
    if (endLsn > this.#flushed) this.#flushed = endLsn;
  }
}
