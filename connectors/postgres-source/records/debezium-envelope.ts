import { type AvroSchema, isUnion } from '../../../schemas/avro-schema.ts';
import { type SnapshotMark, UNAVAILABLE_VALUE } from '../../../schemas/debezium-event.ts';
import {
  LONG_BYTES_MAX,
  avroString,
  copyBytes,
  writeDecimalString,
  writeLong,
  writeLongHalves,
  writeScaledLong,
} from '../types/avro-varint.ts';
import type { DebeziumSource } from './debezium-source.ts';
import type { TableSchema } from '../shapes/table-schema.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

const NULL_BRANCH = 0;
const VALUE_BRANCH = 2;
const QUOTE_BRACKET = Buffer.from('"]');
const NANOS_PER_MILLI = 1_000_000;
/** Longs, digits and branches beside the parts that are encoded ahead. */
const NUMBERS_BYTES_MAX = 17 * LONG_BYTES_MAX;
/** Of a replication origin: Postgres keeps it in a text of at most 512 bytes. */
const ORIGIN_BYTES_MAX = 512 + 2 * LONG_BYTES_MAX;
/** Of a placeholder: in a map it stands twice. */
const PLACEHOLDER_BYTES_MAX = 2 * UNAVAILABLE_VALUE.length + 16;

/** Op of an event of the debezium envelope. */
export type DebeziumOp = 'c' | 'u' | 'd' | 'r' | 't' | 'm';

/** What stands around the columns of one table's events: everything of the envelope but `before` and `after`. */
export class DebeziumEnvelope {
  /** A deletion is followed by a tombstone. */
  readonly tombstones: boolean;
  /** Per column: the Avro of a value that was not sent, with its branch; null where the type has no room for a text. */
  readonly unavailable: readonly (Buffer | null)[];
  /** What the columns of one row and all around them may take beyond the texts and the codecs' own constants. */
  readonly bytesMax: number;
  readonly #source: DebeziumSource;
  /** `schema` and `table`. */
  readonly #table: Buffer;
  readonly #marks: Readonly<Record<SnapshotMark, Buffer>>;
  #isSnapshotBegun = false;

  constructor(
    { schema, table, columns }: Pick<TableSchema, 'schema' | 'table' | 'columns'>,
    source: DebeziumSource,
    tombstones: boolean,
  ) {
    this.tombstones = tombstones;
    this.unavailable = columns.map(({ codec }) => unavailableValue(codec.avro));
    this.#source = source;
    this.#table = Buffer.concat([avroString(schema), avroString(table)]);
    this.#marks = {
      true: markOf('true'),
      first: markOf('first'),
      first_in_data_collection: markOf('first_in_data_collection'),
      incremental: markOf('incremental'),
      false: markOf('false'),
    };
    const fixed = [source.connector, source.database, this.#table, this.#marks.first_in_data_collection];
    this.bytesMax =
      fixed.reduce((sum, { length }) => sum + length, NUMBERS_BYTES_MAX + ORIGIN_BYTES_MAX) +
      columns.length * PLACEHOLDER_BYTES_MAX;
  }

  /** Writes `source`, `transaction`, `op` and the times. */
  write(out: Buffer, start: number, op: DebeziumOp, head: TransactionHead): number {
    let at = this.writeSource(out, start, op, head);
    at = this.#transaction(out, at, op, head);
    out[at++] = 2;
    out[at++] = op.charCodeAt(0);
    return this.#processed(out, at);
  }

  writeSource(out: Buffer, start: number, op: DebeziumOp, head: TransactionHead): number {
    const source = this.#source;
    source.enter(head);
    const { lsnHigh, lsnLow } = head.change;
    let at = copy(out, start, source.connector);
    at = copy(out, at, source.millis);
    at = copy(out, at, this.#marks[this.#mark(op, head)]);
    at = copy(out, at, source.database);
    out[at++] = VALUE_BRANCH;
    at = writeDecimalString(out, at, source.sequenceStart, lsnHigh, lsnLow, QUOTE_BRACKET);
    at = copy(out, at, source.finerTimes);
    at = copy(out, at, this.#table);
    at = copy(out, at, source.transactionId);
    out[at++] = VALUE_BRANCH;
    at = writeLongHalves(out, at, lsnHigh, lsnLow);
    // No xmin: it would say what the slot still needs, and only on demand.
    out[at++] = NULL_BRANCH;
    return copy(out, at, source.origin);
  }

  #transaction(out: Buffer, at: number, op: DebeziumOp, { change }: TransactionHead): number {
    if (op === 'r' || change.totalOrder === 0) {
      out[at] = NULL_BRANCH;
      return at + 1;
    }
    const offset = writeLong(out, copy(out, at, this.#source.blockStart), change.totalOrder);
    return writeLong(out, offset, change.tableOrder);
  }

  #processed(out: Buffer, start: number): number {
    const nowMs = this.#source.clock.now();
    out[start] = VALUE_BRANCH;
    let at = writeLong(out, start + 1, nowMs);
    out[at] = VALUE_BRANCH;
    at = writeLong(out, at + 1, nowMs * 1000);
    out[at] = VALUE_BRANCH;
    return writeScaledLong(out, at + 1, nowMs, NANOS_PER_MILLI, 0, false);
  }

  /** Rows of a chunk come with the transaction that marks their place; those of a snapshot with none. */
  #mark(op: DebeziumOp, { xid }: TransactionHead): SnapshotMark {
    if (op !== 'r') return 'false';
    if (xid !== 0) return 'incremental';
    if (this.#isSnapshotBegun) return 'true';
    this.#isSnapshotBegun = true;
    return this.#source.beginSnapshot() ? 'first' : 'first_in_data_collection';
  }
}

function copy(out: Buffer, at: number, bytes: Buffer): number {
  return copyBytes(out, at, bytes, 0, bytes.length);
}

/** The first branch, since the default is none of null. */
function markOf(mark: SnapshotMark): Buffer {
  return Buffer.concat([Buffer.from([0]), avroString(mark)]);
}

function unavailableValue(avro: AvroSchema): Buffer | null {
  const text = avroString(UNAVAILABLE_VALUE);
  const [present, one, end] = [Buffer.from([VALUE_BRANCH]), Buffer.from([2]), Buffer.from([0])];
  if (avro === 'string' || avro === 'bytes') return Buffer.concat([present, text]);
  if (typeof avro !== 'object' || isUnion(avro)) return null;
  if ('items' in avro && isNullableText(avro.items)) return Buffer.concat([present, one, present, text, end]);
  if ('values' in avro && isNullableText(avro.values))
    return Buffer.concat([present, one, text, present, text, end]);
  return null;
}

function isNullableText(schema: AvroSchema): boolean {
  return isUnion(schema) && schema[0] === 'null' && schema[1] === 'string';
}
