import type { Batcher } from './batcher.ts';
import type { OnTruncate } from '../records/envelope-options.ts';
import { PGOUTPUT, type PgoutputReader } from '../changes/pgoutput.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { TransactionCursor } from '../place/transaction-cursor.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';
import type { TransactionMetadata } from './transaction-metadata.ts';

export interface TransactionCounterOptions {
  /** Null where it is not asked for: then nothing is counted. */
  readonly metadata: TransactionMetadata | null;
  readonly cursor: TransactionCursor;
  readonly batcher: Batcher;
  readonly onTruncate: OnTruncate;
}

/** Counts the events of tables as the changes are read, those that Kafka has already too, and tells begin and end. */
export class TransactionCounter {
  readonly #options: TransactionCounterOptions;

  constructor(options: TransactionCounterOptions) {
    this.#options = options;
  }

  begin(): void {
    this.#options.metadata?.begin();
  }

  /** One event of a table, before it is encoded. */
  count(encoder: RowEncoder, head: TransactionHead, isNew = true): void {
    const { metadata, batcher, cursor } = this.#options;
    if (metadata?.event(encoder.schema, head) !== true || !isNew) return;
    batcher.add(metadata.beginRecord(head), cursor.finalLsn, cursor.seq);
  }

  /** A change that is in Kafka already: as many events as it was then. */
  recount(
    message: PgoutputReader,
    segment: Buffer,
    head: TransactionHead,
    encoderOf: (oid: number) => RowEncoder | null,
  ): void {
    const { metadata, onTruncate } = this.#options;
    const { type, relationOid, truncated, oldRow, oldTuple, newTuple } = message;
    const isTruncate = type === PGOUTPUT.truncate;
    if (metadata === null || (isTruncate && onTruncate !== 'publish')) return;
    for (const oid of isTruncate ? truncated : [relationOid]) {
      const encoder = encoderOf(oid);
      if (encoder === null) continue;
      this.count(encoder, head, false);
      if (type !== PGOUTPUT.update || oldRow === 'none') continue;
      const old = oldRow === 'full' ? oldTuple : null;
      if (encoder.replacedKey(segment, oldTuple, newTuple, old) !== null) this.count(encoder, head, false);
    }
  }

  /** To be called when the last event is told. */
  end(head: TransactionHead, finalLsn: bigint, seq: number): void {
    const record = this.#options.metadata?.endRecord(head) ?? null;
    if (record !== null) this.#options.batcher.add(record, finalLsn, seq);
  }
}
