import { Failure } from '../../infra/process/failure.ts';
import { FRAME_BYTES } from '../../schemas/serde/wire-format.ts';
import { partitionFor } from '../kafka/partitioner.ts';
import type { ProducerRecord } from '../kafka/port.ts';
import { RecordBytes } from '../kafka/record-bytes.ts';
import { LONG_BYTES_MAX, copyBytes, writeLong } from './avro-varint.ts';
import { encodedBytesMax } from './column-codec.ts';
import { type BadRows, isRowsOwn } from './bad-rows.ts';
import { KEY_SPECIAL, ROW_TOO_LARGE, badRowReason } from './bad-row-reason.ts';
import type { BadRow } from './dead-letter.ts';
import { Slab } from './slab.ts';
import type { ColumnTreatment, TableColumn, TableSchema } from './table-schema.ts';
import { type TransactionHead, tombstoneHeaders } from './transaction-head.ts';
import { CELL, type Tuple } from './tuple.ts';

/** `__op` of a value: insert, update, snapshot read. */
export type ValueOp = 'c' | 'u' | 'r';

export interface EncoderTarget {
  readonly topic: string;
  readonly partitions: number;
  /** Schema ids of the registry; the key's is null for a table without a key. */
  readonly keySchemaId: number | null;
  readonly valueSchemaId: number;
  /** What the topic takes in one record, with its batch around it, before compression. */
  readonly recordBytesMax: number;
}

const SPECIAL_HEADER = 'pg.special';
/** `__op`, the transaction's head, `__seq`, `__xid` and the array's two counts. */
const ENVELOPE_BYTES_MAX = 2 + 20 + 4 * LONG_BYTES_MAX;
/** What batch and record take beside key, value and `pg.special`, at most. */
const RECORD_OVERHEAD_BYTES_MAX = 128;
/** A table without a key has one order only on one partition. */
const KEYLESS_PARTITION = 0;

/** Turns the rows of one relation shape into Kafka records: text bytes to Avro bytes, straight into a slab. */
export class RowEncoder {
  readonly schema: TableSchema;
  readonly target: EncoderTarget;
  readonly #slab: Slab;
  readonly #badRows: BadRows | null;
  /** Field names as Avro strings, for `__unchanged`. */
  readonly #names: readonly Buffer[];
  readonly #fixedBytesMax: number;
  readonly #growth: number;
  readonly #unchanged: number[] = [];
  readonly #record = new RecordBytes();
  #special: Record<string, string> | null = null;

  /** Without `badRows` a bad row's error is thrown as it is. */
  constructor(schema: TableSchema, target: EncoderTarget, slab = new Slab(), badRows: BadRows | null = null) {
    this.schema = schema;
    this.target = target;
    this.#slab = slab;
    this.#badRows = badRows;
    this.#names = schema.columns.map((column) => avroString(column.field));
    const names = this.#names.reduce((sum, name) => sum + name.length, 0);
    this.#growth = Math.max(1, ...schema.columns.map(({ codec }) => codec.growth ?? 1));
    const masks = schema.columns.reduce((sum, { treatment }) => sum + extraBytesMax(treatment), 0);
    this.#fixedBytesMax =
      FRAME_BYTES + ENVELOPE_BYTES_MAX + names + masks + schema.columns.length * encodedBytesMax(1);
  }

  /**
   * A row that exists. `old` is the whole row before, where Postgres sent it: unchanged out-of-line values come from
   * there. The record is good until the next row: `RecordList` copies it. A row that cannot be encoded or is too large
   * gives its dead letter instead, where the policy allows that.
   * @throws Failure `source.row_shape`, and for a bad row `source.key_special`, `source.value_invalid`,
   * `source.row_too_large`
   */
  row(
    op: ValueOp,
    source: Buffer,
    row: Tuple,
    old: Tuple | null,
    head: TransactionHead,
    seq: number,
  ): ProducerRecord {
    try {
      return this.#encode(op, source, row, old, head, seq);
    } catch (error) {
      return this.#setAside(error, { op, source, row, head, seq }, old);
    }
  }

  #encode(
    op: ValueOp,
    source: Buffer,
    row: Tuple,
    old: Tuple | null,
    head: TransactionHead,
    seq: number,
  ): RecordBytes {
    const record = this.#record;
    record.topic = this.target.topic;
    record.timestamp = head.timestamp;
    this.#key(source, row, old);
    const { keySource, keyStart, keyLength } = record;
    record.partition = keyLength < 0 ? KEYLESS_PARTITION : this.#place(keySource, keyStart, keyLength);
    this.#value(op, source, row, old, head, seq);
    record.clearHeaders();
    let headerBytes = 0;
    if (this.#special !== null) {
      const special = Buffer.from(JSON.stringify(this.#special));
      headerBytes = SPECIAL_HEADER.length + special.length;
      record.headers = [{ key: SPECIAL_HEADER, value: special }];
    }
    this.#checkSize(Math.max(0, keyLength) + record.valueLength + headerBytes);
    return record;
  }

  /** The end of a row, of which `old` has the key at least. Its key is good, or it is a bad row as in {@link row}. */
  deletion(source: Buffer, old: Tuple, head: TransactionHead, seq: number): ProducerRecord {
    try {
      return this.tombstone(this.key(source, old, null), head, seq);
    } catch (error) {
      return this.#setAside(error, { op: 'd', source, row: old, head, seq }, null);
    }
  }

  /**
   * The key that a row had before, null when it still has it. A key that never was in the topic, since it cannot be
   * encoded, is not replaced; {@link row} tells what is wrong with a new one.
   * @throws Failure `source.row_shape`
   */
  replacedKey(source: Buffer, oldKey: Tuple, row: Tuple, old: Tuple | null): Buffer | null {
    const before = this.goodKey(source, oldKey, null);
    if (before === null) return null;
    return this.goodKey(source, row, old)?.equals(before) === true ? null : before;
  }

  /** The end of the row with this key. */
  tombstone(key: Buffer | null, head: TransactionHead, seq: number): ProducerRecord {
    return {
      topic: this.target.topic,
      partition: this.#partition(key),
      timestamp: head.timestamp,
      key,
      value: null,
      headers: tombstoneHeaders(head, seq),
    };
  }

  /** The framed key of a row, null for a table without a key. @throws Failure `source.key_special`, `source.row_shape` */
  key(source: Buffer, row: Tuple, old: Tuple | null): Buffer | null {
    this.#key(source, row, old);
    return this.#record.key;
  }

  /** Writes the framed key, and says in the record where it is. */
  #key(source: Buffer, row: Tuple, old: Tuple | null): void {
    this.#checkShape(row);
    const { keySchemaId } = this.target;
    if (keySchemaId === null) return;
    const slab = this.#slab;
    slab.reserve(this.#bytesMax(row) + (old === null ? 0 : textBytes(old) * this.#growth));
    const start = slab.at;
    let at = frameAt(slab.buffer, start, keySchemaId);
    for (const i of this.schema.key) at = this.#keyColumn(slab.buffer, at, source, row, old, i);
    slab.at = at;
    this.#record.setKey(slab.buffer, start, at - start);
  }

  /** As {@link key}; null too for a key that cannot be encoded. @throws Failure `source.row_shape` */
  goodKey(source: Buffer, row: Tuple, old: Tuple | null): Buffer | null {
    try {
      return this.key(source, row, old);
    } catch (error) {
      if (!isRowsOwn(error)) throw error;
      return null;
    }
  }

  #setAside(
    error: unknown,
    change: Pick<BadRow, 'op' | 'source' | 'row' | 'head' | 'seq'>,
    old: Tuple | null,
  ): ProducerRecord {
    this.#slab.renew();
    if (this.#badRows === null || !isRowsOwn(error)) throw error;
    const key = this.goodKey(change.source, change.row, old);
    const bad = { ...change, key, schema: this.schema, topic: this.target.topic };
    return this.#badRows.setAside(bad, badRowReason(error, bad, this.#bytesMax(change.row)));
  }

  /** No row takes more than this in Avro. */
  #bytesMax(row: Tuple): number {
    return this.#fixedBytesMax + textBytes(row) * this.#growth;
  }

  #checkSize(contentBytes: number): void {
    const bytes = contentBytes + RECORD_OVERHEAD_BYTES_MAX;
    if (bytes <= this.target.recordBytesMax) return;
    const { topic, recordBytesMax } = this.target;
    const message = `a record of ${bytes} bytes is larger than the ${recordBytesMax} that topic ${topic} takes`;
    throw new Failure(ROW_TOO_LARGE, 'stop', message);
  }

  #partition(key: Buffer | null): number {
    return key === null ? KEYLESS_PARTITION : this.#place(key, 0, key.length);
  }

  #place(source: Buffer, keyStart: number, keyLength: number): number {
    return partitionFor(source, this.target.partitions, keyStart + FRAME_BYTES, keyStart + keyLength);
  }

  #value(
    op: ValueOp,
    source: Buffer,
    row: Tuple,
    old: Tuple | null,
    head: TransactionHead,
    seq: number,
  ): void {
    const slab = this.#slab;
    slab.reserve(this.#bytesMax(row) + (old === null ? 0 : textBytes(old) * this.#growth));
    this.#unchanged.length = 0;
    this.#special = null;
    const out = slab.buffer;
    const start = slab.at;
    let at = frameAt(out, start, this.target.valueSchemaId);
    const { columns } = this.schema;
    for (let i = 0; i < columns.length; i++) {
      const column = columns[i] as TableColumn;
      if (column.treatment === 'exclude') continue;
      at = column.inKey
        ? this.#keyColumn(out, at, source, row, old, i)
        : this.#nullableColumn(out, at, source, row, old, i);
    }
    at = this.#envelope(out, at, op, head, seq);
    slab.at = at;
    this.#record.setValue(out, start, at - start);
  }

  #envelope(out: Buffer, start: number, op: ValueOp, head: TransactionHead, seq: number): number {
    out[start] = 2;
    out[start + 1] = op.charCodeAt(0);
    let at = copyBytes(out, start + 2, head.bytes, 0, head.bytes.length);
    at = writeLong(out, writeLong(out, at, seq), head.xid);
    if (this.#unchanged.length > 0) {
      at = writeLong(out, at, this.#unchanged.length);
      for (const i of this.#unchanged) {
        const name = this.#names[i] as Buffer;
        at = copyBytes(out, at, name, 0, name.length);
      }
    }
    out[at] = 0;
    return at + 1;
  }

  #nullableColumn(out: Buffer, at: number, source: Buffer, row: Tuple, old: Tuple | null, i: number): number {
    let from = row;
    if (row.kinds[i] === CELL.unchanged) {
      if (old === null || old.kinds[i] === CELL.unchanged) this.#unchanged.push(i);
      else from = old;
    }
    if (from.kinds[i] === CELL.text) {
      const column = this.schema.columns[i] as TableColumn;
      out[at] = 2;
      const end = column.codec.write(out, at + 1, source, from.starts[i] as number, from.ends[i] as number);
      if (end >= 0) return end;
      this.#special ??= {};
      this.#special[column.field] = source.toString('utf8', from.starts[i], from.ends[i]);
    }
    out[at] = 0;
    return at + 1;
  }

  #keyColumn(out: Buffer, at: number, source: Buffer, row: Tuple, old: Tuple | null, i: number): number {
    const from = row.kinds[i] === CELL.unchanged && old !== null ? old : row;
    const column = this.schema.columns[i] as TableColumn;
    if (from.kinds[i] === CELL.text) {
      const end = column.codec.write(out, at, source, from.starts[i] as number, from.ends[i] as number);
      if (end >= 0) return end;
    }
    throw this.#badKey(column.field, from.kinds[i]);
  }

  #badKey(field: string, kind: number | undefined): Failure {
    const what = kind === CELL.text ? 'a value that its Avro type does not have' : 'no value';
    const table = `${this.schema.schema}.${this.schema.table}`;
    return new Failure(KEY_SPECIAL, 'stop', `key column ${field} of ${table} has ${what}`, {
      fix: 'change the row in the source, or key the table by columns without infinity, NaN or out-of-line values',
    });
  }

  #checkShape(row: Tuple): void {
    if (row.count === this.schema.columns.length) return;
    const table = `${this.schema.schema}.${this.schema.table}`;
    const message = `a row of ${table} has ${row.count} columns, its relation ${this.schema.columns.length}`;
    throw new Failure('source.row_shape', 'retry', message);
  }
}

/** The frame of schemas/serde/wire-format.ts, in place. */
function frameAt(out: Buffer, at: number, schemaId: number): number {
  out[at] = 0;
  return out.writeInt32BE(schemaId, at + 1);
}

function extraBytesMax(treatment: ColumnTreatment): number {
  return treatment === null || treatment === 'exclude' ? 0 : treatment.extraBytesMax;
}

function textBytes(row: Tuple): number {
  let bytes = 0;
  for (let i = 0; i < row.count; i++)
    if (row.kinds[i] === CELL.text) bytes += (row.ends[i] as number) - (row.starts[i] as number);
  return bytes;
}

function avroString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const out = Buffer.allocUnsafe(bytes.length + LONG_BYTES_MAX);
  return out.subarray(0, copyBytes(out, writeLong(out, 0, bytes.length), bytes, 0, bytes.length));
}
