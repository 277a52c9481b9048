import { Failure } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import type { Acker } from './acker.ts';
import { BACKEND, backendError } from './backend-message.ts';
import type { Batcher } from './batcher.ts';
import { PGOUTPUT, PgoutputReader } from './pgoutput.ts';
import type { Relation } from './relation.ts';
import { STREAM, XLOG_HEADER_BYTES } from './replication-connection.ts';
import type { RowEncoder } from './row-encoder.ts';
import type { SchemaBook } from './schema-book.ts';
import type { TransactionCursor } from './transaction-cursor.ts';
import { type TransactionHead, transactionHead } from './transaction-head.ts';
import { HEADER_BYTES } from './wire-framer.ts';

/** What became of a change. `t` is a TRUNCATE, which is not published. */
export type ChangeOp = 'c' | 'u' | 'd' | 't';

export interface ChangeReaderOptions {
  readonly cursor: TransactionCursor;
  readonly acker: Acker;
  readonly book: SchemaBook;
  readonly batcher: Batcher;
  readonly onChange: (op: ChangeOp, encoder: RowEncoder) => void;
  /** The server wants to know how far we are: it is about to give up on us, or to shut down. */
  readonly onReplyAsked: () => void;
  readonly log: Log;
}

/** Turns segments of a replication stream into records for the batcher. Only a new shape or a full batch makes it wait. */
export class ChangeReader {
  readonly #options: ChangeReaderOptions;
  readonly #message = new PgoutputReader();
  #head: TransactionHead = transactionHead(0n, 0n, 0);
  #newShape: Relation | null = null;
  /** The server has accepted START_REPLICATION. */
  streaming = false;

  constructor(options: ChangeReaderOptions) {
    this.#options = options;
  }

  /** @throws Failure `source.*`, `registry.*`; the server's own error as `pg` would throw it */
  async consume(segment: Buffer): Promise<void> {
    const { batcher, book } = this.#options;
    for (let at = 0; at < segment.length;) {
      at = this.#read(segment, at);
      if (this.#newShape !== null) {
        await book.adopt(this.#newShape);
        this.#newShape = null;
      }
      if (batcher.full) await batcher.makeRoom();
    }
  }

  #read(segment: Buffer, start: number): number {
    const { batcher } = this.#options;
    let at = start;
    while (at < segment.length && this.#newShape === null && !batcher.full) {
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.copyData) this.#copyData(segment, at);
      else this.#control(segment, at, end);
      at = end;
    }
    return at;
  }

  #control(segment: Buffer, at: number, end: number): void {
    switch (segment.readUInt8(at)) {
      case BACKEND.copyBoth:
        this.streaming = true;
        return;
      case BACKEND.error:
        throw backendError(segment, at, end);
      case BACKEND.notice:
        this.#options.log.warn({ notice: backendError(segment, at, end).message }, 'notice from the server');
        return;
      case BACKEND.copyDone:
      case BACKEND.commandComplete:
      case BACKEND.ready:
        throw new Failure('source.stream_ended', 'retry', 'the server ended the replication stream');
    }
  }

  #copyData(segment: Buffer, at: number): void {
    if (segment[at + HEADER_BYTES] === STREAM.xlogData)
      return this.#pgoutput(segment, at + XLOG_HEADER_BYTES);
    if (segment[at + HEADER_BYTES] !== STREAM.keepalive) return;
    this.#options.acker.keepalive(segment.readBigUInt64BE(at + HEADER_BYTES + 1));
    if (segment[at + HEADER_BYTES + 17] === 1) this.#options.onReplyAsked();
  }

  #pgoutput(segment: Buffer, at: number): void {
    const { cursor, acker, batcher } = this.#options;
    const message = this.#message;
    switch (message.read(segment, at)) {
      case PGOUTPUT.insert:
        if (cursor.next()) this.#insert(segment);
        return;
      case PGOUTPUT.update:
        if (cursor.next()) this.#update(segment);
        return;
      case PGOUTPUT.delete:
        if (cursor.next()) this.#delete(segment);
        return;
      case PGOUTPUT.begin:
        cursor.begin(message.finalLsn);
        acker.begin();
        this.#head = transactionHead(message.finalLsn, message.commitTs, message.xid);
        return;
      case PGOUTPUT.commit:
        acker.commit(message.endLsn);
        if (cursor.commit()) batcher.endTransaction(message.endLsn, message.commitTs);
        return;
      case PGOUTPUT.relation:
        if (message.relation !== null && !this.#options.book.knows(message.relation))
          this.#newShape = message.relation;
        return;
      case PGOUTPUT.truncate:
        if (cursor.next()) this.#truncate();
        return;
      case PGOUTPUT.message:
        // One outside of a transaction has no place in the count.
        if (message.transactional) cursor.next();
        return;
    }
  }

  #insert(segment: Buffer): void {
    const { cursor, batcher, onChange } = this.#options;
    const encoder = this.#encoder(this.#message.relationOid);
    const record = encoder.row('c', segment, this.#message.newTuple, null, this.#head, cursor.seq);
    batcher.add(record, cursor.finalLsn, cursor.seq);
    onChange('c', encoder);
  }

  /** A new primary key is the end of one row and the begin of another. */
  #update(segment: Buffer): void {
    const { cursor, batcher, onChange } = this.#options;
    const { oldRow, oldTuple, newTuple } = this.#message;
    const encoder = this.#encoder(this.#message.relationOid);
    const old = oldRow === 'full' ? oldTuple : null;
    if (oldRow !== 'none') {
      const oldKey = encoder.key(segment, oldTuple, null);
      const newKey = encoder.key(segment, newTuple, old);
      if (oldKey !== null && newKey !== null && !oldKey.equals(newKey)) {
        batcher.add(encoder.tombstone(oldKey, this.#head, cursor.seq), cursor.finalLsn, cursor.seq);
        onChange('d', encoder);
        const record = encoder.row('c', segment, newTuple, old, this.#head, cursor.seq);
        batcher.add(record, cursor.finalLsn, cursor.seq);
        return onChange('c', encoder);
      }
    }
    const record = encoder.row('u', segment, newTuple, old, this.#head, cursor.seq);
    batcher.add(record, cursor.finalLsn, cursor.seq);
    onChange('u', encoder);
  }

  #delete(segment: Buffer): void {
    const { cursor, batcher, onChange } = this.#options;
    const encoder = this.#encoder(this.#message.relationOid);
    const key = encoder.key(segment, this.#message.oldTuple, null);
    batcher.add(encoder.tombstone(key, this.#head, cursor.seq), cursor.finalLsn, cursor.seq);
    onChange('d', encoder);
  }

  #truncate(): void {
    for (const oid of this.#message.truncated) {
      const encoder = this.#encoder(oid);
      const { schema, table } = encoder.schema;
      this.#options.log.warn(
        { table: `${schema}.${table}` },
        'TRUNCATE is not published: the topic keeps the rows',
      );
      this.#options.onChange('t', encoder);
    }
  }

  #encoder(oid: number): RowEncoder {
    const encoder = this.#options.book.encoder(oid);
    if (encoder !== undefined) return encoder;
    throw new Failure(
      'source.relation_unknown',
      'retry',
      `a change names relation ${oid}, which was not announced`,
    );
  }
}
