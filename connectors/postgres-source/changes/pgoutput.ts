import { Failure } from '../../../infra/process/failure.ts';
import { BAD_MESSAGE_FIX } from '../wire/backend-message.ts';
import { int32At } from '../wire/int32.ts';
import { type Relation, readRelation, textEnd } from './relation.ts';
import { Tuple, readTupleData } from './tuple.ts';

/** Microseconds from 1970-01-01 to 2000-01-01, where Postgres starts to count. */
const POSTGRES_EPOCH_MICROS = 946_684_800_000_000n;

/** Type bytes of the messages of pgoutput protocol 1. */
export const PGOUTPUT = {
  begin: 0x42,
  commit: 0x43,
  delete: 0x44,
  insert: 0x49,
  message: 0x4d,
  origin: 0x4f,
  relation: 0x52,
  truncate: 0x54,
  update: 0x55,
  type: 0x59,
} as const;

/** What a row message says of the row before the change: nothing, its key, or all of it (REPLICA IDENTITY FULL). */
export type OldRow = 'none' | 'key' | 'full';

const OLD_KEY = 0x4b;
const OLD_FULL = 0x4f;

/**
 * A reader of pgoutput, protocol version 1, text format. One object is reused for every message: fields that the last
 * message does not have keep what they had.
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html
 */
export class PgoutputReader {
  /** Of the last message, one of {@link PGOUTPUT}. */
  type = 0;
  /** LSN of the commit record, known from Begin on. */
  finalLsn = 0n;
  /** LSN behind the commit record. From Commit. */
  endLsn = 0n;
  /** Microseconds since 1970-01-01 UTC. From Begin and Commit. */
  commitTs = 0n;
  /** Unsigned, 32 bits. From Begin. */
  xid = 0;
  /** From Origin: where the transaction was first committed, and its place there. */
  originName = '';
  originLsn = 0n;
  relationOid = 0;
  /** The last Relation message. */
  relation: Relation | null = null;
  oldRow: OldRow = 'none';
  readonly oldTuple = new Tuple();
  readonly newTuple = new Tuple();
  truncated: readonly number[] = [];
  /** From Message: false when it was emitted outside of any transaction. */
  transactional = false;
  /** From Message: what its sender calls it. */
  prefix = '';
  /** From Message: where its content is, as places in the buffer that was read. */
  contentStart = 0;
  contentEnd = 0;

  /**
   * Reads one message, which ends at `end`, and returns its type byte, one of {@link PGOUTPUT}.
   * @throws Failure `source.protocol` (stop) for a type that protocol 1 does not have, and for what its bytes do not hold
   */
  read(buffer: Buffer, at: number, end = buffer.length): number {
    const type = buffer[at] ?? 0;
    this.type = type;
    try {
      switch (type) {
        case PGOUTPUT.insert:
          this.relationOid = int32At(buffer, at + 1) >>> 0;
          this.oldRow = 'none';
          readTupleData(buffer, at + 6, this.newTuple, end);
          break;
        case PGOUTPUT.update:
          this.#readUpdate(buffer, at, end);
          break;
        case PGOUTPUT.delete:
          this.relationOid = int32At(buffer, at + 1) >>> 0;
          this.oldRow = buffer[at + 5] === OLD_FULL ? 'full' : 'key';
          readTupleData(buffer, at + 6, this.oldTuple, end);
          break;
        default:
          this.#readOther(buffer.subarray(0, end), at, type);
      }
    } catch (error) {
      throw badMessage(type, end - at, error);
    }
    return type;
  }

  /** A message without rows: some of each transaction, so that the message's own end may be the buffer's. */
  #readOther(buffer: Buffer, at: number, type: number): void {
    switch (type) {
      case PGOUTPUT.begin:
        this.finalLsn = buffer.readBigUInt64BE(at + 1);
        this.commitTs = buffer.readBigInt64BE(at + 9) + POSTGRES_EPOCH_MICROS;
        this.xid = buffer.readUInt32BE(at + 17);
        return;
      case PGOUTPUT.commit:
        this.finalLsn = buffer.readBigUInt64BE(at + 2);
        this.endLsn = buffer.readBigUInt64BE(at + 10);
        this.commitTs = buffer.readBigInt64BE(at + 18) + POSTGRES_EPOCH_MICROS;
        return;
      case PGOUTPUT.relation:
        this.relation = readRelation(buffer, at + 1);
        return;
      case PGOUTPUT.truncate:
        this.#readTruncate(buffer, at);
        return;
      case PGOUTPUT.message:
        this.#readMessage(buffer, at);
        return;
      case PGOUTPUT.origin:
        this.originLsn = buffer.readBigUInt64BE(at + 1);
        this.originName = buffer.toString('utf8', at + 9, textEnd(buffer, at + 9));
        return;
      case PGOUTPUT.type:
        return;
      default:
        throw new RangeError('protocol 1 has no such type');
    }
  }

  #readUpdate(buffer: Buffer, at: number, end: number): void {
    this.relationOid = int32At(buffer, at + 1) >>> 0;
    let offset = at + 5;
    const mark = buffer[offset];
    this.oldRow = mark === OLD_KEY ? 'key' : mark === OLD_FULL ? 'full' : 'none';
    if (this.oldRow !== 'none') offset = readTupleData(buffer, offset + 1, this.oldTuple, end);
    readTupleData(buffer, offset + 1, this.newTuple, end);
  }

  #readTruncate(buffer: Buffer, at: number): void {
    const count = buffer.readUInt32BE(at + 1);
    const oids: number[] = [];
    for (let i = 0; i < count; i++) oids.push(buffer.readUInt32BE(at + 6 + i * 4));
    this.truncated = oids;
  }

  /** Type, flags, LSN, prefix, length, content. */
  #readMessage(buffer: Buffer, at: number): void {
    this.transactional = buffer[at + 1] === 1;
    const prefixEnd = textEnd(buffer, at + 10);
    this.prefix = buffer.toString('utf8', at + 10, prefixEnd);
    this.contentStart = prefixEnd + 5;
    this.contentEnd = this.contentStart + buffer.readUInt32BE(prefixEnd + 1);
    if (this.contentEnd > buffer.length) throw new RangeError(`its content ends at byte ${this.contentEnd}`);
  }
}

function badMessage(type: number, bytes: number, cause: unknown): Failure {
  const name = `0x${type.toString(16)}`;
  return new Failure('source.protocol', 'stop', `${bytes} bytes of type ${name} are no message of pgoutput`, {
    cause,
    fix: BAD_MESSAGE_FIX,
  });
}
