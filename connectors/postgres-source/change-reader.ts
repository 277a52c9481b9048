import { Failure } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import { FRAME_BYTES } from '../../schemas/serde/wire-format.ts';
import type { ProducerRecord } from '../kafka/port.ts';
import type { Acker } from './acker.ts';
import { BACKEND, backendError } from './backend-message.ts';
import type { Batcher } from './batcher.ts';
import type { ChunkPublisher } from './chunk-publisher.ts';
import { keyText } from './chunk-window.ts';
import { CHUNK_MESSAGE, type ChunkWindows } from './chunk-windows.ts';
import type { DeferredKeys } from './deferred-keys.ts';
import type { OnTruncate } from './envelope-options.ts';
import type { EventCounts } from './event-counts.ts';
import type { EventStream } from './event-stream.ts';
import { linkedKeys, tombstoneBehind } from './key-change.ts';
import { NetRecords } from './net-records.ts';
import type { OutboxEvent } from './outbox-event.ts';
import type { OutboxRouter } from './outbox-router.ts';
import type { Lsn } from './lsn.ts';
import { PGOUTPUT, PgoutputReader } from './pgoutput.ts';
import { pausedEnd } from './paused-row.ts';
import type { Relation } from './relation.ts';
import { STREAM, XLOG_HEADER_BYTES } from './replication-connection.ts';
import type { RowEncoder } from './row-encoder.ts';
import type { SchemaBook } from './schema-book.ts';
import type { SchemaChangeTopic } from './schema-change-topic.ts';
import type { KeylessRows } from './keyless-rows.ts';
import { BACKFILL_MESSAGE } from './backfill-request.ts';
import type { ToastFill } from './toast-fill.ts';
import type { TransactionCounter } from './transaction-counter.ts';
import { StreamShapes } from './stream-shapes.ts';
import type { TransactionCursor } from './transaction-cursor.ts';
import { type TransactionHead, transactionHead } from './transaction-head.ts';
import { isTruncateTold } from './truncate-policy.ts';
import { CELL, type Tuple } from './tuple.ts';
import { HEADER_BYTES } from './wire-framer.ts';

/** The three LSNs in front of a message: the first is its own place. */
const LSNS_BYTES = 24;

/** What became of a change. `t` is a TRUNCATE. */
export type ChangeOp = 'c' | 'u' | 'd' | 't';

export interface ChangeReaderOptions {
  readonly cursor: TransactionCursor;
  readonly acker: Acker;
  readonly book: SchemaBook;
  readonly batcher: Batcher;
  readonly windows: ChunkWindows;
  readonly chunks: ChunkPublisher;
  readonly schemaChanges: SchemaChangeTopic | null;
  readonly keyless: KeylessRows;
  /** A table is announced that is neither copied nor being copied: it was added a moment ago, or it is gone. */
  readonly onUnsettled: () => Promise<void>;
  readonly deferred: DeferredKeys;
  readonly onTruncate: OnTruncate;
  readonly transactions: TransactionCounter;
  readonly toast: ToastFill;
  /** A backfill is asked for, in the message's own words. Gives a shape that was refused and may be taken now, or null. */
  readonly onBackfill: (content: string) => Relation | null;
  readonly events: Omit<EventStream, 'tables'>;
  readonly eventCounts: EventCounts;
  readonly onChange: (op: ChangeOp, encoder: RowEncoder) => void;
  /** A change of a paused table is left out. */
  readonly onSkip: (encoder: RowEncoder) => void;
  /** The server wants to know how far we are: it is about to give up on us, or to shut down. */
  readonly onReplyAsked: () => void;
  readonly log: Log;
}

/** Turns segments of a replication stream into records for the batcher. Only a new shape or a full batch makes it wait. */
export class ChangeReader {
  readonly #options: ChangeReaderOptions;
  readonly #message = new PgoutputReader();
  #head: TransactionHead = transactionHead(0n, 0n, 0);
  readonly #shapes: StreamShapes;
  /** Its topic is to be made; then its message is read again. */
  #topicless: OutboxEvent | null = null;
  /** The transaction's last changes wait for room; then its Commit is read again. */
  #isUndrained = false;
  readonly #net = new NetRecords();
  #previousLsn: Lsn | null = null;
  /** Null of the outbox, and of a table that is filtered out. */
  readonly #encoderOf = (oid: number): RowEncoder | null =>
    oid === this.#options.events.outbox?.oid ? null : this.#encoder(oid);
  /** Whether the announced table has to be copied is not known yet. */
  #unsettled = false;
  /** The server has accepted START_REPLICATION. */
  streaming = false;

  constructor(options: ChangeReaderOptions) {
    this.#options = options;
    this.#shapes = new StreamShapes({ ...options, outbox: options.events.outbox });
  }

  /** @throws Failure `source.*`, `registry.*`; the server's own error as `pg` would throw it */
  async consume(segment: Buffer): Promise<void> {
    const { batcher } = this.#options;
    for (let at = 0; at < segment.length;) {
      at = this.#read(segment, at);
      if (this.#shapes.isPending) await this.#shapes.adopt(this.#head);
      if (this.#unsettled) {
        await this.#options.onUnsettled();
        this.#unsettled = false;
      }
      if (this.#topicless !== null) {
        await this.#options.events.outbox?.create(this.#topicless);
        this.#topicless = null;
      }
      if (batcher.full) await batcher.makeRoom();
    }
  }

  #read(segment: Buffer, start: number): number {
    const { batcher } = this.#options;
    let at = start;
    while (at < segment.length && !this.#shapes.isPending && !this.#unsettled && !batcher.full) {
      const end = at + 1 + segment.readInt32BE(at + 1);
      if (segment[at] === BACKEND.copyData) this.#copyData(segment, at, end);
      else this.#control(segment, at, end);
      if (this.#topicless !== null || this.#isUndrained) return at;
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

  #copyData(segment: Buffer, at: number, end: number): void {
    if (segment[at + HEADER_BYTES] === STREAM.xlogData)
      return this.#pgoutput(segment, at + XLOG_HEADER_BYTES, end);
    if (segment[at + HEADER_BYTES] !== STREAM.keepalive) return;
    this.#options.acker.keepalive(segment.readBigUInt64BE(at + HEADER_BYTES + 1));
    if (segment[at + HEADER_BYTES + 17] === 1) this.#options.onReplyAsked();
  }

  #pgoutput(segment: Buffer, at: number, end: number): void {
    const { cursor, acker } = this.#options;
    const message = this.#message;
    const { change } = this.#head;
    change.lsnHigh = segment.readInt32BE(at - LSNS_BYTES);
    change.lsnLow = segment.readInt32BE(at - LSNS_BYTES + 4);
    switch (message.read(segment, at)) {
      case PGOUTPUT.insert:
        if (message.relationOid === this.#options.events.outbox?.oid) this.#outboxRow(segment);
        else if (!this.#stage(segment, at, end) && this.#isNew(segment)) this.#insert(segment);
        return;
      case PGOUTPUT.update:
        if (!this.#stage(segment, at, end) && this.#isNew(segment)) this.#update(segment);
        return;
      case PGOUTPUT.delete:
        if (this.#stage(segment, at, end)) return;
        // A row may leave the outbox at once: it was told when it came.
        if (this.#isNew(segment) && message.relationOid !== this.#options.events.outbox?.oid)
          this.#delete(segment);
        return;
      case PGOUTPUT.begin:
        cursor.begin(message.finalLsn);
        acker.begin();
        this.#options.windows.begin(message.xid, cursor.replays);
        this.#head = transactionHead(message.finalLsn, message.commitTs, message.xid, this.#previousLsn);
        this.#options.transactions.begin();
        return;
      case PGOUTPUT.origin:
        this.#head.change.origin = { name: message.originName, lsn: message.originLsn };
        return;
      case PGOUTPUT.commit:
        this.#isUndrained = !this.#drain();
        if (this.#isUndrained) return;
        acker.commit(message.endLsn);
        this.#commit();
        this.#previousLsn = message.endLsn;
        return;
      case PGOUTPUT.relation:
        if (message.relation === null) return;
        this.#unsettled = this.#options.keyless.unsettled(message.relation.oid);
        this.#shapes.see(message.relation, this.#head);
        return;
      case PGOUTPUT.truncate:
        if (this.#isNew(segment)) this.#truncate();
        return;
      case PGOUTPUT.message:
        this.#logicalMessage(segment);
        return;
    }
  }

  /** True when the change waits for the end of its transaction: it is told, and counted, there. */
  #stage(segment: Buffer, start: number, end: number): boolean {
    const encoder = this.#options.book.encoder(this.#message.relationOid);
    if (encoder?.schema.isKeyDeferrable !== true) return false;
    for (const key of this.#options.deferred.stage(encoder, segment, start, end, this.#message))
      this.#touch({ key }, false);
    return true;
  }

  /** What the transaction has made of deferrable keys. False when there was no room for all of it. */
  #drain(): boolean {
    const { cursor, batcher, deferred, transactions, onChange } = this.#options;
    while (!batcher.full) {
      const net = deferred.shift();
      if (net === null) return true;
      const isNew = cursor.next();
      transactions.count(net.encoder, this.#head, isNew);
      if (!isNew) continue;
      const record = this.#net.record(net, this.#head, cursor.seq);
      if (net.op === 'd') this.#end(net.encoder, record);
      else batcher.add(record, cursor.finalLsn, cursor.seq);
      onChange(net.op, net.encoder);
    }
    return false;
  }

  /** Adds a deletion, and the tombstone behind it. */
  #end(encoder: RowEncoder, record: ProducerRecord): void {
    const { cursor, batcher } = this.#options;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    const tombstone = tombstoneBehind(encoder, record, this.#head, cursor.seq);
    if (tombstone !== null) batcher.add(tombstone, cursor.finalLsn, cursor.seq);
  }

  /** False for a change that is in Kafka already; the events of its transaction are counted all the same. */
  #isNew(segment: Buffer): boolean {
    const { cursor, transactions } = this.#options;
    if (cursor.next()) return true;
    transactions.recount(this.#message, segment, this.#head, this.#encoderOf);
    return false;
  }

  /** The rows of a chunk belong to the transaction that marks their place. */
  #commit(): void {
    const { cursor, batcher, windows, chunks } = this.#options;
    const { finalLsn, seq } = cursor;
    if (!cursor.commit()) return;
    this.#options.transactions.end(this.#head, finalLsn, seq);
    const window = windows.takeMarked();
    if (window !== null)
      this.#shapes.announceChunk(chunks.publish(window, this.#head, finalLsn, seq), finalLsn, seq);
    batcher.endTransaction(this.#message.endLsn, this.#message.commitTs);
    // A chunk without rows is progress all the same.
    if (window !== null) batcher.publishProgress();
  }

  /** A chunk of the table that is being read must not bring back what this change has made old. */
  #touch(record: { readonly key: Buffer | null }, holed: boolean): void {
    const window = this.#options.windows.of(this.#message.relationOid);
    if (window === undefined) return;
    const { key } = record;
    if (key !== null) this.#options.windows.touch(window, keyText(key, FRAME_BYTES), holed);
  }

  #outboxRow(segment: Buffer): void {
    const { outbox } = this.#options.events;
    if (outbox !== null) this.#event(outbox, outbox.row(segment, this.#message.newTuple));
  }

  #event(outbox: OutboxRouter, event: OutboxEvent): void {
    const { cursor, batcher } = this.#options;
    if (outbox.lacksTopic(event)) this.#topicless = event;
    else if (cursor.next())
      batcher.add(outbox.record(event, this.#head, cursor.seq), cursor.finalLsn, cursor.seq);
  }

  #logicalMessage(segment: Buffer): void {
    const { cursor, batcher, eventCounts } = this.#options;
    const { outbox, messages } = this.#options.events;
    const { prefix, contentStart, contentEnd, transactional } = this.#message;
    const toTopic = messages?.takes(prefix) === true;
    if (!transactional) {
      // It has no place in the count, and none behind a commit: after a restart nobody could say whether it was told.
      if (toTopic || outbox?.takes(prefix) === true) eventCounts.nonTransactional();
      return;
    }
    const content = Buffer.from(segment.subarray(contentStart, contentEnd));
    if (outbox?.takes(prefix) === true) return this.#event(outbox, outbox.message(content));
    if (!cursor.next()) return;
    if (prefix === CHUNK_MESSAGE) this.#options.windows.mark(String(content));
    else if (prefix === BACKFILL_MESSAGE) this.#askAgain(String(content));
    else if (messages !== null && toTopic)
      batcher.add(messages.record(prefix, content, this.#head, cursor.seq), cursor.finalLsn, cursor.seq);
  }

  #askAgain(content: string): void {
    const refused = this.#options.onBackfill(content);
    if (refused !== null) this.#shapes.announce(refused);
  }

  /** A change of a table that is filtered out or paused. */
  #skip(segment: Buffer): void {
    const { cursor, batcher, book, onChange, onSkip } = this.#options;
    const paused = book.paused(this.#message.relationOid);
    if (paused === undefined) return;
    onSkip(paused);
    const record = pausedEnd(paused, segment, this.#message, this.#head, cursor.seq);
    if (record === null) return;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    onChange('d', paused);
  }

  #insert(segment: Buffer): void {
    const { cursor, batcher, toast, onChange } = this.#options;
    const encoder = this.#encoder(this.#message.relationOid);
    if (encoder === null) return this.#skip(segment);
    this.#options.transactions.count(encoder, this.#head);
    const record = encoder.row('c', segment, this.#message.newTuple, null, this.#head, cursor.seq);
    toast.noteRow(encoder, this.#message.relationOid, record, this.#message.newTuple, false);
    if (this.#isWithheld(record, encoder)) return;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    this.#touch(record, false);
    onChange('c', encoder);
  }

  /** A new primary key is the end of one row and the begin of another. */
  #update(segment: Buffer): void {
    const { cursor, batcher, toast, onChange } = this.#options;
    const { oldRow, oldTuple, newTuple, relationOid } = this.#message;
    const { outbox } = this.#options.events;
    if (this.#message.relationOid === outbox?.oid) return outbox.updated();
    const encoder = this.#encoder(this.#message.relationOid);
    if (encoder === null) return this.#skip(segment);
    const old = oldRow === 'full' ? oldTuple : null;
    if (oldRow !== 'none') {
      const oldKey = encoder.replacedKey(segment, oldTuple, newTuple, old);
      if (oldKey !== null) return this.#replace(encoder, segment, oldKey, old);
    }
    this.#options.transactions.count(encoder, this.#head);
    if (isHoled(newTuple, old))
      toast.complete(encoder, relationOid, encoder.goodKey(segment, newTuple, null), newTuple);
    const record = encoder.row('u', segment, newTuple, old, this.#head, cursor.seq);
    toast.noteRow(encoder, relationOid, record, newTuple, false);
    if (this.#isWithheld(record, encoder)) return;
    batcher.add(record, cursor.finalLsn, cursor.seq);
    this.#touch(record, isHoled(newTuple, old));
    onChange('u', encoder);
  }

  /** A row with a new primary key: one ends, another begins, and each names the other. */
  #replace(encoder: RowEncoder, segment: Buffer, oldKey: Buffer, old: Tuple | null): void {
    const { cursor, batcher, toast, onChange } = this.#options;
    const { oldTuple, newTuple, relationOid } = this.#message;
    if (isHoled(newTuple, old)) toast.complete(encoder, relationOid, oldKey, newTuple);
    this.#options.transactions.count(encoder, this.#head);
    const end = encoder.ended(oldKey, segment, oldTuple, this.#head, cursor.seq);
    this.#options.transactions.count(encoder, this.#head);
    const begin = encoder.row('c', segment, newTuple, old, this.#head, cursor.seq);
    const { ended, begun } = linkedKeys(encoder, { ended: end, begun: begin });
    toast.noteEnd(encoder, relationOid, ended);
    this.#end(encoder, ended);
    this.#touch({ key: oldKey }, false);
    onChange('d', encoder);
    toast.noteRow(encoder, relationOid, begun, newTuple, true);
    batcher.add(begun, cursor.finalLsn, cursor.seq);
    this.#touch(begun, isHoled(newTuple, old));
    onChange('c', encoder);
  }

  #delete(segment: Buffer): void {
    const { cursor, toast, onChange } = this.#options;
    const encoder = this.#encoder(this.#message.relationOid);
    if (encoder === null) return this.#skip(segment);
    this.#options.transactions.count(encoder, this.#head);
    const record = encoder.deletion(segment, this.#message.oldTuple, this.#head, cursor.seq);
    toast.noteEnd(encoder, this.#message.relationOid, record);
    if (this.#isWithheld(record, encoder)) return;
    this.#end(encoder, record);
    this.#touch(record, false);
    onChange('d', encoder);
  }

  /** True for a change of a table without a key that its copy holds, or may hold. */
  #isWithheld(record: ProducerRecord, encoder: RowEncoder): boolean {
    if (encoder.schema.key.length > 0) return false;
    return this.#options.keyless.withholds(this.#message.relationOid, this.#head.xid, record);
  }

  #truncate(): void {
    const { cursor, batcher } = this.#options;
    for (const oid of this.#message.truncated) {
      this.#options.windows.of(oid)?.spoil();
      this.#options.deferred.truncate(oid);
      if (oid === this.#options.events.outbox?.oid) continue;
      const encoder = this.#encoder(oid);
      if (encoder === null) continue;
      this.#options.onChange('t', encoder);
      if (
        encoder.refusal !== null ||
        !isTruncateTold(this.#options.onTruncate, encoder.schema, this.#options.log)
      )
        continue;
      this.#options.transactions.count(encoder, this.#head);
      batcher.add(encoder.truncation(this.#head), cursor.finalLsn, cursor.seq);
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
