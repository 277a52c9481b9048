import type { ProducerRecord } from '../../kafka/port.ts';
import type { NetChange } from './deferred-keys.ts';
import { PGOUTPUT, PgoutputReader } from './pgoutput.ts';
import type { TransactionHead } from './transaction-head.ts';

const NOTHING = Buffer.alloc(0);

/** Makes records of changes that were held until the end of their transaction. */
export class NetRecords {
  readonly #change = new PgoutputReader();
  readonly #before = new PgoutputReader();

  record(
    { op, key, encoder, message, before }: NetChange,
    head: TransactionHead,
    seq: number,
  ): ProducerRecord {
    if (before !== null) this.#before.read(before, 0);
    const image = { source: before ?? NOTHING, row: before === null ? null : this.#before.oldTuple };
    if (message === null || op === 'd') return encoder.ended(key, image.source, image.row, head, seq);
    const { newTuple, oldTuple } = this.#change;
    const old = this.#change.read(message, 0) === PGOUTPUT.insert ? null : oldTuple;
    return encoder.row(op, message, newTuple, old, head, seq, op === 'u' ? image : null);
  }
}
