import type { Clock } from '../../../infra/process/clock.ts';
import { LONG_BYTES_MAX, avroString, writeBigLong } from '../types/avro-varint.ts';
import type { EnvelopeOptions } from './envelope-options.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

/** Who wrote the event. */
const VERSION = 'millrace';
/** Readers tell the fields of `source` by it. */
const CONNECTOR = 'postgresql';
/** Branches of a union with null first. */
const NULL = Buffer.from([0]);
const PRESENT = Buffer.from([2]);

/** What decides on the envelope, and what it says of the source. */
export interface DebeziumSourceOptions extends Pick<EnvelopeOptions, 'envelope'> {
  readonly topicPrefix: string;
  /** Name of the source database. */
  readonly database: string;
  readonly clock: Clock;
}

/** What the events of all tables share in the debezium envelope, as Avro: of the connector, and of one transaction. */
export class DebeziumSource {
  readonly clock: Clock;
  /** `version`, `connector`, `name`. */
  readonly connector: Buffer;
  /** `db`. */
  readonly database: Buffer;
  /** `ts_ms` of the transaction that {@link enter} was last called with. */
  millis: Buffer = NULL;
  /** `ts_us` and `ts_ns`. */
  finerTimes: Buffer = NULL;
  /** The text of `sequence`, as far as the LSN of the change. */
  sequenceStart: Buffer = NULL;
  /** `txId`. */
  transactionId: Buffer = NULL;
  /** `origin` and `origin_lsn`. */
  origin: Buffer = NULL;
  /** The union's branch, and `transaction.id`. */
  blockStart: Buffer = NULL;
  #head: TransactionHead | null = null;
  #isSnapshotBegun = false;

  constructor(name: string, database: string, clock: Clock) {
    this.clock = clock;
    this.connector = Buffer.concat([VERSION, CONNECTOR, name].map(avroString));
    this.database = avroString(database);
  }

  /** Null of the row envelope. */
  static of({ envelope, topicPrefix, database, clock }: DebeziumSourceOptions): DebeziumSource | null {
    return envelope === 'row' ? null : new DebeziumSource(topicPrefix, database, clock);
  }

  /** Encodes what all events of a transaction have in common, once. */
  enter(head: TransactionHead): void {
    if (this.#head === head) return;
    this.#head = head;
    const { commitTs, previousLsn, xid } = head;
    this.millis = avroLong(commitTs / 1000n);
    this.finerTimes = Buffer.concat([PRESENT, avroLong(commitTs), PRESENT, avroLong(commitTs * 1000n)]);
    this.sequenceStart = Buffer.from(previousLsn === null ? '[null,"' : `["${previousLsn}","`);
    this.transactionId = xid === 0 ? NULL : Buffer.concat([PRESENT, avroLong(BigInt(xid))]);
    const { origin } = head.change;
    this.origin =
      origin === null
        ? Buffer.concat([NULL, NULL])
        : Buffer.concat([PRESENT, avroString(origin.name), PRESENT, avroLong(origin.lsn)]);
    this.blockStart = Buffer.concat([PRESENT, avroString(transactionIdOf(head))]);
  }

  /** True for the very first row of a snapshot. */
  beginSnapshot(): boolean {
    const isFirst = !this.#isSnapshotBegun;
    this.#isSnapshotBegun = true;
    return isFirst;
  }
}

/** Names a source transaction: its id alone comes again after 4 billion others. */
export function transactionIdOf({ xid, lsn }: Pick<TransactionHead, 'xid' | 'lsn'>): string {
  return `${xid}:${lsn}`;
}

function avroLong(value: bigint): Buffer {
  const out = Buffer.allocUnsafe(LONG_BYTES_MAX);
  return out.subarray(0, writeBigLong(out, 0, value));
}
