import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import type { ProducerRecord } from '../../kafka/port.ts';
import type { Batcher } from '../publish/batcher.ts';
import { keyText } from '../copies/chunk-window.ts';
import type { ChunkWindows } from '../copies/chunk-windows.ts';
import type { DeferredKeys } from './deferred-keys.ts';
import type { OnTruncate } from '../records/envelope-options.ts';
import { linkedKeys, tombstoneBehind } from './key-change.ts';
import type { KeylessRows } from '../copies/keyless-rows.ts';
import { NetRecords } from './net-records.ts';
import type { OutboxRouter } from '../events/outbox-router.ts';
import { pausedEnd } from '../shapes/paused-row.ts';
import { PGOUTPUT, type PgoutputReader } from './pgoutput.ts';
import type { RowEncoder } from '../records/row-encoder.ts';
import type { SchemaBook } from '../shapes/schema-book.ts';
import type { ToastFill } from '../toast/toast-fill.ts';
import type { TransactionCounter } from '../publish/transaction-counter.ts';
import type { TransactionCursor } from '../place/transaction-cursor.ts';
import type { TransactionHead } from './transaction-head.ts';
import { isTruncateTold } from './truncate-policy.ts';
import { CELL, type Tuple } from './tuple.ts';

/** What became of a change. `t` is a TRUNCATE. */
export type ChangeOp = 'c' | 'u' | 'd' | 't';

export interface RowChangesOptions {
  readonly cursor: TransactionCursor;
  readonly book: SchemaBook;
  readonly batcher: Batcher;
  readonly windows: ChunkWindows;
  readonly keyless: KeylessRows;
  readonly deferred: DeferredKeys;
  readonly onTruncate: OnTruncate;
  readonly transactions: TransactionCounter;
  readonly toast: ToastFill;
  /** Its own table's rows are events. */
  readonly outbox: OutboxRouter | null;
  readonly onChange: (op: ChangeOp, encoder: RowEncoder) => void;
  /** A change of a paused table is left out. */
  readonly onSkip: (encoder: RowEncoder) => void;
  readonly log: Log;
}

/** The changes of tables' rows as records: what each means to the topic, to copies that are under way, and to counters. */
export class RowChanges {
  readonly #options: RowChangesOptions;
  readonly #net = new NetRecords();
  /** Null of the outbox, and of a table that is filtered out. */
  readonly #encoderOf = (oid: number): RowEncoder | null =>
    oid === this.#options.outbox?.oid ? null : this.#encoder(oid);

  constructor(options: RowChangesOptions) {
    this.#options = options;
  }

  /** True when the change waits for the end of its transaction: it is told, and counted, there. */
  stage(message: PgoutputReader, segment: Buffer, start: number, end: number): boolean {
    const encoder = this.#options.book.encoder(message.relationOid);
    if (encoder?.schema.isKeyDeferrable !== true) return false;
    this.#touchOwn(encoder, message, segment);
    for (const key of this.#options.deferred.stage(encoder, segment, start, end, message))
      this.#touch(encoder, message.relationOid, { key }, false);
    return true;
  }

  /** What the transaction has made of deferrable keys. False when there was no room for all of it. */
  drain(head: TransactionHead): boolean {
    const { cursor, batcher, deferred, transactions, onChange } = this.#options;
    while (!batcher.full) {
      const net = deferred.shift();
      if (net === null) return true;
      const isNew = cursor.next(net.op.charCodeAt(0));
      transactions.count(net.encoder, head, isNew);
      if (!isNew) continue;
      const record = this.#net.record(net, head, cursor.seq);
      if (net.op === 'd') this.#end(net.encoder, record, head);
      else batcher.add(record, cursor.finalLsn, cursor.seq);
      onChange(net.op, net.encoder);
    }
    return false;
  }

  /** Adds a deletion, and the tombstone behind it. */
  #end(encoder: RowEncoder, record: ProducerRecord, head: TransactionHead): void {
    const { cursor, batcher } = this.#options;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    const tombstone = tombstoneBehind(encoder, record, head, cursor.seq);
    if (tombstone !== null) batcher.add(tombstone, cursor.finalLsn, cursor.seq);
  }

  /** False for a change that is in Kafka already; the events of its transaction are counted all the same. */
  isNew(message: PgoutputReader, segment: Buffer, bytes: number, head: TransactionHead): boolean {
    const { cursor, transactions } = this.#options;
    // A TRUNCATE may name several tables, and the message before it is not part of it.
    const relation = message.type === PGOUTPUT.truncate ? 0 : message.relationOid;
    if (cursor.next(message.type ^ (relation << 8) ^ bytes)) return true;
    transactions.recount(message, segment, head, this.#encoderOf);
    return false;
  }

  /** A chunk of the table that is being read must not bring back what this change has made old. */
  #touch(
    encoder: RowEncoder,
    relationOid: number,
    record: { readonly key: Buffer | null },
    holed: boolean,
  ): void {
    const window = this.#options.windows.of(relationOid);
    if (window === undefined || encoder.identity !== null) return;
    const { key } = record;
    if (key !== null) this.#options.windows.touch(window, keyText(key, FRAME_BYTES), holed);
  }

  /** As {@link #touch}, of a table whose rows are told apart by another key than their records'. */
  #touchOwn(
    encoder: RowEncoder,
    { type, oldRow, oldTuple, newTuple, relationOid }: PgoutputReader,
    segment: Buffer,
  ): void {
    const { identity } = encoder;
    const window = identity === null ? undefined : this.#options.windows.of(relationOid);
    if (identity === null || window === undefined) return;
    const old = type === PGOUTPUT.insert || oldRow === 'none' ? null : oldTuple;
    const touch = (key: Buffer | null): void => {
      if (key !== null) this.#options.windows.touch(window, keyText(key, FRAME_BYTES), false);
    };
    if (old !== null) touch(identity.goodKey(segment, old, null));
    if (type !== PGOUTPUT.delete) touch(identity.goodKey(segment, newTuple, old));
  }

  /** A change of a table that is filtered out or paused. */
  #skip(message: PgoutputReader, segment: Buffer, head: TransactionHead): void {
    const { cursor, batcher, book, onChange, onSkip } = this.#options;
    const paused = book.paused(message.relationOid);
    if (paused === undefined) return;
    onSkip(paused);
    const record = pausedEnd(paused, segment, message, head, cursor.seq);
    if (record === null) return;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    onChange('d', paused);
  }

  insert(message: PgoutputReader, segment: Buffer, head: TransactionHead): void {
    const { cursor, batcher, toast, onChange } = this.#options;
    const encoder = this.#encoder(message.relationOid);
    if (encoder === null) return this.#skip(message, segment, head);
    this.#options.transactions.count(encoder, head);
    this.#touchOwn(encoder, message, segment);
    const record = encoder.row('c', segment, message.newTuple, null, head, cursor.seq);
    toast.noteRow(encoder, message.relationOid, record, message.newTuple, false);
    if (this.#isWithheld(message.relationOid, head.xid, record, encoder)) return;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    this.#touch(encoder, message.relationOid, record, false);
    onChange('c', encoder);
  }

  /** A new primary key is the end of one row and the begin of another. */
  update(message: PgoutputReader, segment: Buffer, head: TransactionHead): void {
    const { cursor, batcher, toast, onChange } = this.#options;
    const { oldRow, oldTuple, newTuple, relationOid } = message;
    const { outbox } = this.#options;
    if (message.relationOid === outbox?.oid) return outbox.updated();
    const encoder = this.#encoder(message.relationOid);
    if (encoder === null) return this.#skip(message, segment, head);
    this.#touchOwn(encoder, message, segment);
    const old = oldRow === 'full' ? oldTuple : null;
    if (oldRow !== 'none') {
      const oldKey = encoder.replacedKey(segment, oldTuple, newTuple, old);
      if (oldKey !== null) return this.#replace(encoder, message, segment, oldKey, old, head);
    }
    this.#options.transactions.count(encoder, head);
    if (isHoled(newTuple, old))
      toast.complete(encoder, relationOid, encoder.goodKey(segment, newTuple, null), newTuple);
    const record = encoder.row('u', segment, newTuple, old, head, cursor.seq);
    toast.noteRow(encoder, relationOid, record, newTuple, false);
    if (this.#isWithheld(message.relationOid, head.xid, record, encoder)) return;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    this.#touch(encoder, message.relationOid, record, isHoled(newTuple, old));
    onChange('u', encoder);
  }

  /** A row with a new primary key: one ends, another begins, and each names the other. */
  #replace(
    encoder: RowEncoder,
    message: PgoutputReader,
    segment: Buffer,
    oldKey: Buffer,
    old: Tuple | null,
    head: TransactionHead,
  ): void {
    const { cursor, batcher, toast, onChange } = this.#options;
    const { oldTuple, newTuple, relationOid } = message;
    if (isHoled(newTuple, old)) toast.complete(encoder, relationOid, oldKey, newTuple);
    this.#options.transactions.count(encoder, head);
    const end = encoder.ended(oldKey, segment, oldTuple, head, cursor.seq);
    this.#options.transactions.count(encoder, head);
    const begin = encoder.row('c', segment, newTuple, old, head, cursor.seq);
    const { ended, begun } = linkedKeys(encoder, { ended: end, begun: begin });
    toast.noteEnd(encoder, relationOid, ended);
    this.#end(encoder, ended, head);
    this.#touch(encoder, message.relationOid, { key: oldKey }, false);
    onChange('d', encoder);
    toast.noteRow(encoder, relationOid, begun, newTuple, true);
    batcher.add(begun, cursor.finalLsn, cursor.seq);
    this.#touch(encoder, message.relationOid, begun, isHoled(newTuple, old));
    onChange('c', encoder);
  }

  delete(message: PgoutputReader, segment: Buffer, head: TransactionHead): void {
    const { cursor, toast, onChange } = this.#options;
    const encoder = this.#encoder(message.relationOid);
    if (encoder === null) return this.#skip(message, segment, head);
    this.#options.transactions.count(encoder, head);
    this.#touchOwn(encoder, message, segment);
    const record = encoder.deletion(segment, message.oldTuple, head, cursor.seq);
    toast.noteEnd(encoder, message.relationOid, record);
    if (this.#isWithheld(message.relationOid, head.xid, record, encoder)) return;
    this.#end(encoder, record, head);
    this.#touch(encoder, message.relationOid, record, false);
    onChange('d', encoder);
  }

  /** True for a change of a table without a key that its copy holds, or may hold. */
  #isWithheld(oid: number, xid: number, record: ProducerRecord, encoder: RowEncoder): boolean {
    if (encoder.schema.key.length > 0) return false;
    return this.#options.keyless.withholds(oid, xid, record);
  }

  truncate(message: PgoutputReader, head: TransactionHead): void {
    const { cursor, batcher } = this.#options;
    for (const oid of message.truncated) {
      this.#options.windows.of(oid)?.spoil();
      this.#options.deferred.truncate(oid);
      if (oid === this.#options.outbox?.oid) continue;
      const encoder = this.#encoder(oid);
      if (encoder === null) continue;
      this.#options.onChange('t', encoder);
      if (
        encoder.refusal !== null ||
        !isTruncateTold(this.#options.onTruncate, encoder.schema, this.#options.log)
      )
        continue;
      this.#options.transactions.count(encoder, head);
      batcher.add(encoder.truncation(head), cursor.finalLsn, cursor.seq);
    }
  }

  /** Null for a table that is filtered out, or paused. */
  #encoder(oid: number): RowEncoder | null {
    const encoder = this.#options.book.encoder(oid);
    if (encoder !== undefined) return encoder;
    throw new Failure(
      'source.relation_unknown',
      'retry',
      `a change names relation ${oid}, which was not announced`,
    );
  }
}

/** True for an update whose event lacks an out-of-line value. */
function isHoled(row: Tuple, old: Tuple | null): boolean {
  if (old !== null) return false;
  for (let i = 0; i < row.count; i++) if (row.kinds[i] === CELL.unchanged) return true;
  return false;
}
