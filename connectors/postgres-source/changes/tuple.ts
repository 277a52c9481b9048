import { Failure } from '../../../infra/process/failure.ts';
import { BAD_MESSAGE_FIX } from '../wire/backend-message.ts';
import { int32At } from '../wire/int32.ts';

/**
 * What stands in a column: see the TupleData format, and `DataRow`, which knows values and nulls only. `filled` is an
 * unchanged value that was found elsewhere: in {@link Tuple.filled}, as it was written before.
 */
export const CELL = { null: 0, text: 1, unchanged: 2, filled: 3 } as const;

/** A value as a nullable field of a record has it. */
export interface WrittenValue {
  /** Avro, with the branch of the union. */
  readonly avro: Buffer;
  /** Its text, where Avro has no such value and the field is null. */
  readonly special: string | null;
}

const FIRST_CAPACITY = 32;

/**
 * A row as places in the chunk that carries it: nothing is copied, and one tuple is reused for every row. It is valid
 * until the next parse.
 */
export class Tuple {
  count = 0;
  kinds = new Uint8Array(FIRST_CAPACITY);
  starts = new Int32Array(FIRST_CAPACITY);
  ends = new Int32Array(FIRST_CAPACITY);
  /** By column, of those that are filled. */
  readonly filled: WrittenValue[] = [];
  /** Bytes of the message that the row is in, its values and their lengths: no less than the values have. */
  bytes = 0;
  /** Avro bytes of the values that are filled. */
  filledBytes = 0;

  /** Gives an unchanged column its value. */
  fill(column: number, value: WrittenValue): void {
    this.kinds[column] = CELL.filled;
    this.filled[column] = value;
    this.filledBytes += value.avro.length;
  }

  /** Empties the tuple and makes room. */
  reset(count: number): void {
    this.count = count;
    this.filledBytes = 0;
    if (count <= this.kinds.length) return;
    this.kinds = new Uint8Array(count);
    this.starts = new Int32Array(count);
    this.ends = new Int32Array(count);
  }
}

const KIND_NULL = 0x6e;
const KIND_UNCHANGED = 0x75;
const KIND_TEXT = 0x74;

/**
 * Reads TupleData at `at`, and gives the place behind it.
 * https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html#PROTOCOL-LOGICALREP-MESSAGE-FORMATS-TUPLEDATA
 * @throws RangeError for a column kind that text mode does not have, and for what does not end at or before `end`
 */
export function readTupleData(buffer: Buffer, at: number, into: Tuple, end = buffer.length): number {
  const count = at + 2 <= end ? buffer.readUInt16BE(at) : 0;
  // Each column has its kind at least.
  if (at + 2 + count > end) throw new RangeError(`a row of ${count} columns in ${end - at} bytes`);
  into.reset(count);
  let offset = at + 2;
  for (let column = 0; column < count; column++) {
    const kind = buffer[offset++];
    if (kind === KIND_TEXT) {
      const start = offset + 4;
      offset = start + int32At(buffer, offset);
      if (offset < start || offset > end) throw outOfBounds(column, offset - start, end - start);
      into.kinds[column] = CELL.text;
      into.starts[column] = start;
      into.ends[column] = offset;
    } else if (kind === KIND_NULL) into.kinds[column] = CELL.null;
    else if (kind === KIND_UNCHANGED) into.kinds[column] = CELL.unchanged;
    else throw new RangeError(`column ${column} has kind 0x${(kind ?? 0).toString(16)}, expected n, u or t`);
  }
  if (offset > end) throw outOfBounds(count, 0, end - offset);
  into.bytes = offset - at;
  return offset;
}

function outOfBounds(column: number, length: number, left: number): RangeError {
  return new RangeError(`column ${column} claims ${length} bytes, there are ${left}`);
}

const DATA_LENGTH_BYTES = 4;

/**
 * Reads the body of a DataRow at `at`: the answer to a SELECT in text format.
 * @throws Failure `source.protocol` (stop) for what does not end with the bytes
 */
export function readDataRow(buffer: Buffer, at: number, into: Tuple, end = buffer.length): number {
  const count = at + 2 <= end ? buffer.readUInt16BE(at) : 0;
  if (at + 2 + count * DATA_LENGTH_BYTES > end) throw badDataRow(count, end - at);
  into.reset(count);
  let offset = at + 2;
  for (let column = 0; column < count; column++) {
    const length = int32At(buffer, offset);
    offset += 4;
    into.kinds[column] = length < 0 ? CELL.null : CELL.text;
    into.starts[column] = offset;
    if (length > 0) offset += length;
    if (offset > end) throw badDataRow(count, end - at);
    into.ends[column] = offset;
  }
  into.bytes = offset - at;
  return offset;
}

function badDataRow(columns: number, bytes: number): Failure {
  return new Failure(
    'source.protocol',
    'stop',
    `a row of ${columns} columns does not fit its ${bytes} bytes`,
    {
      fix: BAD_MESSAGE_FIX,
    },
  );
}
