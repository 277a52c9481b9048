import { must } from '../../../infra/process/assert.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { Batcher } from '../publish/batcher.ts';
import type { ChunkWindow } from './chunk-window.ts';
import type { CopyBook } from './copy-state.ts';
import type { KeylessRows } from './keyless-rows.ts';
import type { Lsn } from '../place/lsn.ts';
import type { Relation } from '../changes/relation.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import type { ToastFill } from '../toast/toast-fill.ts';
import type { SchemaChangeTopic } from '../shapes/schema-change-topic.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';
import { Tuple, readDataRow } from '../changes/tuple.ts';

export interface ChunkPublisherOptions {
  readonly book: SchemaBook;
  readonly batcher: Batcher;
  readonly copies: CopyBook;
  readonly toast: ToastFill;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly keyless: KeylessRows;
  readonly onRow: (encoder: RowEncoder) => void;
  readonly log: Log;
}

/**
 * Publishes a chunk as a part of the transaction that carries its high watermark: the rows follow the mark in `seq`, and
 * are not there when the server sends that transaction again, which is then behind the position. Rows and the new place
 * of the copy are in one Kafka transaction, for they become complete in one step. Gives a shape that has to be adopted
 * before the chunk can be read again, or null.
 */
export class ChunkPublisher {
  readonly #options: ChunkPublisherOptions;
  readonly #tuple = new Tuple();

  constructor(options: ChunkPublisherOptions) {
    this.#options = options;
  }

  publish(window: ChunkWindow, head: TransactionHead, lsn: Lsn, markSeq: number): Relation | null {
    const { book, batcher, copies, keyless, toast, onRow } = this.#options;
    const { chunk } = window;
    // A copy that was begun again meanwhile, or given up, has no use for the chunk.
    const wanted = chunk !== null && copies.copy(window.oid) === chunk.from;
    if (chunk !== null && wanted && book.refuses(chunk.relation)) {
      const { schema, table } = chunk.relation;
      copies.finish(window.oid);
      this.#options.log.error(
        { table: `${schema}.${table}` },
        'the copy is given up: the shape of the table is still refused',
      );
      window.settle('again');
      return null;
    }
    if (chunk === null || !wanted || !book.knows(chunk.relation)) {
      window.settle('again');
      return chunk !== null && wanted ? chunk.relation : null;
    }
    const encoder = must(book.encoder(window.oid) ?? undefined, 'a table that is copied has an encoder');
    const change = this.#options.schemaChanges?.record(chunk.relation, head, markSeq) ?? null;
    if (change !== null) batcher.precede(change);
    let seq = markSeq;
    for (const { segment, at } of chunk.rows.values()) {
      readDataRow(segment, at, this.#tuple);
      seq++;
      const record = encoder.row('r', segment, this.#tuple, null, head, seq);
      toast.noteRow(encoder, window.oid, record, this.#tuple, false);
      batcher.add(record, lsn, seq);
      onRow(encoder);
    }
    for (const record of keyless.release(window)) batcher.add(record, lsn, markSeq);
    if (chunk.last) copies.finish(window.oid);
    else copies.advance(chunk.next);
    window.settle('published');
    return null;
  }
}
