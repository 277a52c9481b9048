import { Failure } from '../../../infra/process/failure.ts';
import type { Acker } from '../place/acker.ts';
import { BACKEND, BAD_MESSAGE_FIX, backendError } from '../wire/backend-message.ts';
import type { ChunkPublisher } from '../copies/chunk-publisher.ts';
import { CHUNK_MESSAGE } from '../copies/chunk-windows.ts';
import type { EventCounts } from '../publish/event-counts.ts';
import type { EventStream } from '../events/event-stream.ts';
import type { OutboxEvent } from '../events/outbox-event.ts';
import type { OutboxRouter } from '../events/outbox-router.ts';
import type { Lsn } from '../place/lsn.ts';
import { PGOUTPUT, PgoutputReader } from './pgoutput.ts';
import type { Relation } from './relation.ts';
import { STREAM, XLOG_HEADER_BYTES } from '../wire/replication-connection.ts';
import { RowChanges, type RowChangesOptions } from './row-changes.ts';
import type { SchemaChangeTopic } from '../shapes/schema-change-topic.ts';
import { BACKFILL_MESSAGE } from '../copies/backfill-request.ts';
import { StreamShapes } from '../shapes/stream-shapes.ts';
import { type TransactionHead, transactionHead } from './transaction-head.ts';
import { int32At } from '../wire/int32.ts';
import { HEADER_BYTES } from '../wire/wire-framer.ts';

/** The three LSNs in front of a message: the first is its own place. */
const LSNS_BYTES = 24;
/** Header, type, the end of the WAL, the server's clock, whether it wants an answer. */
const KEEPALIVE_BYTES = HEADER_BYTES + 18;

export interface ChangeReaderOptions extends Omit<RowChangesOptions, 'outbox'> {
  readonly acker: Acker;
  readonly chunks: ChunkPublisher;
  readonly schemaChanges: SchemaChangeTopic | null;
  /** A table is announced that is neither copied nor being copied: it was added a moment ago, or it is gone. */
  readonly onUnsettled: () => Promise<void>;
  /** A backfill is asked for, in the message's own words. Gives a shape that was refused and may be taken now, or null. */
  readonly onBackfill: (content: string) => Relation | null;
  readonly events: Omit<EventStream, 'tables'>;
  readonly eventCounts: EventCounts;
  /** The server wants to know how far we are: it is about to give up on us, or to shut down. */
  readonly onReplyAsked: () => void;
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
  #previousLsn: Lsn | null = null;
  readonly #rows: RowChanges;
  /** The table that is announced, of which it is not known yet whether it has to be copied. */
  #unsettled: number | null = null;
  /** The server has accepted START_REPLICATION. */
  streaming = false;

  constructor(options: ChangeReaderOptions) {
    this.#options = options;
    const { outbox } = options.events;
    this.#shapes = new StreamShapes({ ...options, outbox });
    this.#rows = new RowChanges({ ...options, outbox });
  }

  /** @throws Failure `source.*`, `registry.*`; the server's own error as `pg` would throw it */
  async consume(segment: Buffer): Promise<void> {
    const { batcher } = this.#options;
    for (let at = 0; at < segment.length;) {
      at = this.#read(segment, at);
      if (this.#shapes.isPending) await this.#shapes.adopt(this.#head);
      if (this.#unsettled !== null) await this.#settle(this.#unsettled);
      if (this.#topicless !== null) {
        await this.#options.events.outbox?.create(this.#topicless);
        this.#topicless = null;
      }
      if (batcher.full) await batcher.makeRoom();
    }
  }

  /** Only rows without a key are held back for a copy: of others the stream need not know. */
  async #settle(oid: number): Promise<void> {
    const isKeyless = this.#options.book.encoder(oid)?.schema.key.length === 0;
    if (isKeyless) await this.#options.onUnsettled();
    this.#unsettled = null;
  }

  #read(segment: Buffer, start: number): number {
    const { batcher } = this.#options;
    let at = start;
    while (at < segment.length && !this.#shapes.isPending && this.#unsettled === null && !batcher.full) {
      const end = at + 1 + int32At(segment, at + 1);
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
    if (segment[at + HEADER_BYTES] === STREAM.xlogData) {
      if (at + XLOG_HEADER_BYTES >= end) throw cutShort('XLogData', end - at);
      return this.#pgoutput(segment, at + XLOG_HEADER_BYTES, end);
    }
    if (segment[at + HEADER_BYTES] !== STREAM.keepalive) return;
    if (at + KEEPALIVE_BYTES > end) throw cutShort('keepalive', end - at);
    this.#options.acker.keepalive(segment.readBigUInt64BE(at + HEADER_BYTES + 1));
    if (segment[at + HEADER_BYTES + 17] === 1) this.#options.onReplyAsked();
  }

  #pgoutput(segment: Buffer, at: number, end: number): void {
    const { cursor, acker } = this.#options;
    const message = this.#message;
    const { change } = this.#head;
    change.lsnHigh = int32At(segment, at - LSNS_BYTES);
    change.lsnLow = int32At(segment, at - LSNS_BYTES + 4);
    switch (message.read(segment, at, end)) {
      case PGOUTPUT.insert:
        if (message.relationOid === this.#options.events.outbox?.oid) this.#outboxRow(segment);
        else if (this.#isToTell(segment, at, end)) this.#rows.insert(message, segment, this.#head);
        return;
      case PGOUTPUT.update:
        if (this.#isToTell(segment, at, end)) this.#rows.update(message, segment, this.#head);
        return;
      case PGOUTPUT.delete:
        // A row may leave the outbox at once: it was told when it came.
        if (this.#isToTell(segment, at, end) && message.relationOid !== this.#options.events.outbox?.oid)
          this.#rows.delete(message, segment, this.#head);
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
        this.#isUndrained = !this.#rows.drain(this.#head);
        if (this.#isUndrained) return;
        acker.commit(message.endLsn);
        this.#commit();
        this.#previousLsn = message.endLsn;
        return;
      case PGOUTPUT.relation:
        if (message.relation === null) return;
        if (this.#options.keyless.unsettled(message.relation.oid)) this.#unsettled = message.relation.oid;
        this.#shapes.see(message.relation, this.#head);
        return;
      case PGOUTPUT.truncate:
        if (this.#rows.isNew(message, segment, end - at, this.#head))
          this.#rows.truncate(message, this.#head);
        return;
      case PGOUTPUT.message:
        this.#logicalMessage(segment);
        return;
    }
  }

  /** True for a change that is neither held until its transaction ends nor in Kafka already. */
  #isToTell(segment: Buffer, at: number, end: number): boolean {
    const message = this.#message;
    return (
      !this.#rows.stage(message, segment, at, end) && this.#rows.isNew(message, segment, end - at, this.#head)
    );
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

  #outboxRow(segment: Buffer): void {
    const { outbox } = this.#options.events;
    if (outbox !== null) this.#event(outbox, outbox.row(segment, this.#message.newTuple));
  }

  #event(outbox: OutboxRouter, event: OutboxEvent): void {
    const { cursor, batcher } = this.#options;
    if (outbox.lacksTopic(event)) this.#topicless = event;
    else if (cursor.next(PGOUTPUT.message))
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
    if (!cursor.next(PGOUTPUT.message ^ (content.length << 8))) return;
    if (prefix === CHUNK_MESSAGE) this.#options.windows.mark(String(content));
    else if (prefix === BACKFILL_MESSAGE) this.#askAgain(String(content));
    else if (messages !== null && toTopic)
      batcher.add(messages.record(prefix, content, this.#head, cursor.seq), cursor.finalLsn, cursor.seq);
  }

  #askAgain(content: string): void {
    const refused = this.#options.onBackfill(content);
    if (refused !== null) this.#shapes.announce(refused);
  }
}

function cutShort(name: string, bytes: number): Failure {
  return new Failure('source.protocol', 'stop', `a ${name} message of the stream has ${bytes} bytes`, {
    fix: BAD_MESSAGE_FIX,
  });
}
