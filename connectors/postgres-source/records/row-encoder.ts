import type { Failure } from '../../../infra/process/failure.ts';
import { must } from '../../../infra/process/assert.ts';
import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import { partitionFor } from '../../kafka/partitioner.ts';
import type { Header, ProducerRecord } from '../../kafka/port.ts';
import { RecordBytes } from '../../kafka/record-bytes.ts';
import { LONG_BYTES_MAX, avroString } from '../types/avro-varint.ts';
import { ColumnWriter, type RowImage } from './column-writer.ts';
import { encodedBytesMax } from '../types/column-codec.ts';
import { type BadRows, isRowsOwn } from './bad-rows.ts';
import { badRowReason } from './bad-row-reason.ts';
import type { BadRow } from './dead-letter.ts';
import type { DebeziumEnvelope } from './debezium-envelope.ts';
import { headerBytes, recordHeaders, withOrigin } from './record-headers.ts';
import { cellBytes, extraBytesMax, frameAt, textBytes } from './row-bytes.ts';
import { writeRowEnvelope } from './row-envelope.ts';
import { rowShape, rowTooLarge } from './row-failure.ts';
import { Slab } from './slab.ts';
import type { TableColumn, TableSchema } from '../shapes/table-schema.ts';
import { type TransactionHead, tombstoneHeaders } from '../changes/transaction-head.ts';
import type { Tuple } from '../changes/tuple.ts';

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
  /** Why the topic does not take this shape: every row is a bad one, and a deletion too unless the key is taken. */
  readonly refusal: Failure | null;
  /** Encodes the table's own key where another message key was chosen; else null. Nothing that it makes is published. */
  readonly identity: RowEncoder | null;
  readonly #slab: Slab;
  readonly #badRows: BadRows | null;
  /** Null writes the row envelope. */
  readonly #debezium: DebeziumEnvelope | null;
  /** Field names as Avro strings, for `__unchanged`. */
  readonly #names: readonly Buffer[];
  readonly #fixedBytesMax: number;
  readonly #growth: number;
  readonly #columns: ColumnWriter;
  readonly #record = new RecordBytes();

  /** Without `badRows` a bad row's error is thrown as it is. */
  constructor(
    schema: TableSchema,
    target: EncoderTarget,
    slab = new Slab(),
    badRows: BadRows | null = null,
    debezium: DebeziumEnvelope | null = null,
    refusal: Failure | null = null,
  ) {
    this.refusal = refusal;
    this.schema = schema;
    this.target = target;
    this.#slab = slab;
    this.#badRows = badRows;
    this.#debezium = debezium;
    const own = { ...schema, key: schema.ownKey };
    this.identity =
      schema.key === schema.ownKey ? null : new RowEncoder(own, { ...target, keySchemaId: 0 }, slab);
    this.#columns = new ColumnWriter(schema, debezium?.unavailable ?? null);
    this.#names = schema.columns.map((column) => avroString(column.field));
    const names = this.#names.reduce((sum, name) => sum + name.length, 0);
    this.#growth = Math.max(1, ...schema.columns.map(({ codec }) => codec.growth ?? 1));
    const masks = schema.columns.reduce((sum, { treatment }) => sum + extraBytesMax(treatment), 0);
    const row = names + masks + schema.columns.length * encodedBytesMax(1);
    this.#fixedBytesMax =
      FRAME_BYTES + ENVELOPE_BYTES_MAX + (debezium === null ? row : debezium.bytesMax + 2 * row);
  }

  get isDebezium(): boolean {
    return this.#debezium !== null;
  }

  /** A deletion that {@link ended} makes is followed by a tombstone: no other row has its key. */
  get hasTombstones(): boolean {
    return this.#debezium?.tombstones === true && this.schema.isKeyUnique;
  }

  /**
   * A row that exists. `old` is the whole row before, where Postgres sent it: unchanged out-of-line values come from
   * there. `before` is told in place of `old` where they are two. The record is good until the next row: `RecordList`
   * copies it. A row that cannot be encoded or is too large gives its dead letter instead, where the policy allows that.
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
    before: RowImage | null = null,
  ): ProducerRecord {
    try {
      return this.#encode(op, source, row, old, head, seq, before);
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
    before: RowImage | null,
  ): RecordBytes {
    if (this.refusal !== null) throw this.refusal;
    const record = this.#record;
    record.topic = this.target.topic;
    record.timestamp = head.timestamp;
    this.#checkShape(row);
    this.#slab.reserve(this.#roomFor(row, old, before));
    this.#writeKey(source, row, old);
    const { keySource, keyStart, keyLength } = record;
    record.partition = keyLength < 0 ? KEYLESS_PARTITION : this.#place(keySource, keyStart, keyLength);
    this.#writeValue(op, source, row, old, head, seq, before);
    record.clearHeaders();
    let headersBytes = 0;
    const { special, unchanged } = this.#columns;
    if (special !== null || unchanged.length > 0 || head.change.origin !== null) {
      record.headers = this.#headers(head);
      headersBytes = headerBytes(record.headers);
    }
    this.#checkSize(Math.max(0, keyLength) + record.valueLength + headersBytes);
    return record;
  }

  /** What is to be said of the value beside it; of most there is nothing. */
  #headers(head: TransactionHead): readonly Header[] {
    // In the row envelope the value itself names them.
    const places = this.#debezium === null ? [] : this.#columns.unchanged;
    const unchanged = places.map((i) => (this.schema.columns[i] as TableColumn).field);
    return withOrigin(recordHeaders(this.#columns.special, unchanged), head);
  }

  /** The end of a row, of which `old` has the key at least. Its key is good, or it is a bad row as in {@link row}. */
  deletion(source: Buffer, old: Tuple, head: TransactionHead, seq: number): ProducerRecord {
    try {
      if (this.refusal !== null && this.target.keySchemaId === null) throw this.refusal;
      return this.ended(this.key(source, old, null), source, old, head, seq);
    } catch (error) {
      return this.#setAside(error, { op: 'd', source, row: old, head, seq }, null);
    }
  }

  /** The end of the row with a good key; `old` is the row as far as it is known, or at least its key. */
  ended(
    key: Buffer | null,
    source: Buffer,
    old: Tuple | null,
    head: TransactionHead,
    seq: number,
  ): ProducerRecord {
    if (this.#debezium === null) return this.tombstone(key, head, seq);
    return this.#end('d', key, { source, row: old }, head);
  }

  /** All rows of the table are gone. Only of the debezium envelope. */
  truncation(head: TransactionHead): ProducerRecord {
    return this.#end('t', null, null, head);
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
      headers: withOrigin(tombstoneHeaders(head, seq), head),
    };
  }

  /** The framed key of a row, null for a table without a key. @throws Failure `source.key_special`, `source.row_shape` */
  key(source: Buffer, row: Tuple, old: Tuple | null): Buffer | null {
    this.#checkShape(row);
    this.#slab.reserve(this.#keyBytesMax(row, old));
    this.#writeKey(source, row, old);
    return this.#record.key;
  }

  /** Writes the framed key, and says in the record where it is. */
  #writeKey(source: Buffer, row: Tuple, old: Tuple | null): void {
    const { keySchemaId } = this.target;
    if (keySchemaId === null) return;
    const slab = this.#slab;
    const start = slab.at;
    const { key } = this.schema;
    let at = frameAt(slab.buffer, start, keySchemaId);
    for (let k = 0; k < key.length; k++)
      at = this.#columns.key(slab.buffer, at, source, row, old, key[k] as number);
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

  #keyBytesMax(row: Tuple, old: Tuple | null): number {
    let bytes = 0;
    for (const i of this.schema.key) bytes += cellBytes(row, i) + (old === null ? 0 : cellBytes(old, i));
    return this.#fixedBytesMax + bytes * this.#growth;
  }

  /** Of key and value, which are to be in one buffer. */
  #roomFor(row: Tuple, old: Tuple | null, before: RowImage | null): number {
    const oldBytes = old === null ? 0 : textBytes(old) * this.#growth;
    // The values of `old` may stand in both images.
    const imageBytes = this.#debezium === null ? 0 : oldBytes + textBytes(before?.row ?? null) * this.#growth;
    return this.#keyBytesMax(row, old) + this.#bytesMax(row) + oldBytes + imageBytes;
  }

  #checkSize(contentBytes: number): void {
    const bytes = contentBytes + RECORD_OVERHEAD_BYTES_MAX;
    const { topic, recordBytesMax } = this.target;
    if (bytes > recordBytesMax) throw rowTooLarge(bytes, recordBytesMax, topic);
  }

  #partition(key: Buffer | null): number {
    return key === null ? KEYLESS_PARTITION : this.#place(key, 0, key.length);
  }

  #place(source: Buffer, keyStart: number, keyLength: number): number {
    return partitionFor(source, this.target.partitions, keyStart + FRAME_BYTES, keyStart + keyLength);
  }

  /** Behind the key. */
  #writeValue(
    op: ValueOp,
    source: Buffer,
    row: Tuple,
    old: Tuple | null,
    head: TransactionHead,
    seq: number,
    before: RowImage | null,
  ): void {
    const debezium = this.#debezium;
    const slab = this.#slab;
    const columns = this.#columns;
    columns.begin();
    const out = slab.buffer;
    const start = slab.at;
    let at = frameAt(out, start, this.target.valueSchemaId);
    if (debezium !== null) at = this.#before(at, op, before, source, old);
    const { keyStart, keyLength } = this.#record;
    at = columns.row(out, at, source, row, old, keyStart + FRAME_BYTES, keyStart + keyLength);
    at =
      debezium === null
        ? writeRowEnvelope(out, at, op, head, seq, columns.unchanged, this.#names)
        : debezium.write(out, at, op, head);
    slab.at = at;
    this.#record.setValue(out, start, at - start);
  }

  /** An event that tells of no row after: the end of a row, or of all. */
  #end(op: 'd' | 't', key: Buffer | null, image: RowImage | null, head: TransactionHead): ProducerRecord {
    const slab = this.#slab;
    this.#columns.begin();
    slab.reserve(this.#fixedBytesMax + textBytes(image?.row ?? null) * this.#growth);
    const out = slab.buffer;
    const start = slab.at;
    let at = this.#columns.image(out, frameAt(out, start, this.target.valueSchemaId), image);
    out[at++] = 0;
    at = must(this.#debezium, 'the debezium envelope').write(out, at, op, head);
    slab.at = at;
    const value = out.subarray(start, at);
    const headers = this.#headers(head);
    this.#checkSize((key?.length ?? 0) + value.length + headerBytes(headers));
    const place = { topic: this.target.topic, partition: this.#partition(key), timestamp: head.timestamp };
    return { ...place, key, value, headers };
  }

  /** `before` of an event that has an `after`, and the begin of that. */
  #before(at: number, op: ValueOp, image: RowImage | null, source: Buffer, old: Tuple | null): number {
    const { buffer } = this.#slab;
    const row = op === 'u' ? old : null;
    const end = this.#columns.image(buffer, at, image ?? (row === null ? null : { source, row }));
    buffer[end] = 2;
    return end + 1;
  }

  #checkShape(row: Tuple): void {
    if (row.count !== this.schema.columns.length) throw rowShape(this.schema, row.count);
  }
}
