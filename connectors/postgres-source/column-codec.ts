import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { writeBytes, writeLong, writeScaledLong } from './avro-varint.ts';
import { readDate, readTime, readTimestampMicros, readTimestampSeconds } from './date-text.ts';
import { writeDecimal } from './decimal-text.ts';
import { digits } from './digits.ts';

/** A Postgres type as a codec needs it: a domain is given as its base type. */
export interface ColumnType {
  readonly oid: number;
  readonly typmod: number;
}

/**
 * Writes the text in [start, end) of `source` as Avro at `at`, and returns the place behind it; -1 when the Avro type
 * has no such value (infinity, NaN). The caller has made room: see {@link encodedBytesMax}.
 */
type ColumnWriter = (out: Buffer, at: number, source: Buffer, start: number, end: number) => number;

export interface ColumnCodec {
  readonly avro: AvroSchema;
  readonly write: ColumnWriter;
}

/** No value of `textBytes` bytes of text takes more than this in Avro. */
export function encodedBytesMax(textBytes: number): number {
  return textBytes + 24;
}

/** Readers in the field (Flink, Spark, Trino) stop at 38 digits. */
const DECIMAL_PRECISION_MAX = 38;
const NUMERIC_OID = 1700;

const string: ColumnCodec = { avro: 'string', write: writeBytes };

/** By type oid, which never changes for a built-in type: src/include/catalog/pg_type.dat. */
const CODECS: ReadonlyMap<number, ColumnCodec> = new Map<number, ColumnCodec>([
  [16, { avro: 'boolean', write: writeBoolean }],
  [17, { avro: 'bytes', write: writeBytea }],
  [20, { avro: 'long', write: writeInteger }],
  [21, { avro: 'int', write: writeInteger }],
  [23, { avro: 'int', write: writeInteger }],
  [26, { avro: 'long', write: writeInteger }],
  [700, { avro: 'float', write: writeFloat }],
  [701, { avro: 'double', write: writeDouble }],
  [1082, { avro: { type: 'int', logicalType: 'date' }, write: writeDate }],
  [1083, { avro: { type: 'long', logicalType: 'time-micros' }, write: writeTime }],
  [1114, { avro: { type: 'long', logicalType: 'local-timestamp-micros' }, write: writeTimestamp }],
  [1184, { avro: { type: 'long', logicalType: 'timestamp-micros' }, write: writeTimestamp }],
  [2950, { avro: { type: 'string', logicalType: 'uuid' }, write: writeBytes }],
]);

/** The Avro type of a column and its writer. A type without an Avro counterpart keeps its text. */
export function columnCodec(type: ColumnType): ColumnCodec {
  return type.oid === NUMERIC_OID ? numericCodec(type.typmod) : (CODECS.get(type.oid) ?? string);
}

/** Avro wants 0 <= scale <= precision; Postgres 15 has numeric(3,-2) and numeric(3,5) too. */
function numericCodec(typmod: number): ColumnCodec {
  if (typmod < 4) return string;
  const declaredPrecision = ((typmod - 4) >> 16) & 0xffff;
  const declaredScale = (((typmod - 4) & 0x7ff) ^ 0x400) - 0x400;
  const scale = Math.max(0, declaredScale);
  const precision =
    declaredScale < 0 ? declaredPrecision - declaredScale : Math.max(declaredPrecision, scale);
  if (precision > DECIMAL_PRECISION_MAX) return string;
  return {
    avro: { type: 'bytes', logicalType: 'decimal', precision, scale },
    write: (out, at, source, start, end) => writeDecimal(out, at, source, start, end, scale),
  };
}

const LETTER_T = 0x74;

function writeBoolean(out: Buffer, at: number, source: Buffer, start: number): number {
  out[at] = source[start] === LETTER_T ? 1 : 0;
  return at + 1;
}

const MINUS = 0x2d;
const EXACT_DIGITS = 15;
const TAIL_DIGITS = 9;

function writeInteger(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const negative = source[start] === MINUS;
  const from = negative ? start + 1 : start;
  if (end - from <= EXACT_DIGITS) {
    const value = digits(source, from, end);
    return writeLong(out, at, negative ? -value : value);
  }
  const tail = end - TAIL_DIGITS;
  return writeScaledLong(out, at, digits(source, from, tail), 1e9, digits(source, tail, end), negative);
}

function writeFloat(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  return out.writeFloatLE(Number(source.toString('latin1', start, end)), at);
}

function writeDouble(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  return out.writeDoubleLE(Number(source.toString('latin1', start, end)), at);
}

/** `bytea_output=hex`: `\x` and two digits per byte. */
function writeBytea(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let offset = writeLong(out, at, (end - start - 2) / 2);
  for (let i = start + 2; i < end; i += 2)
    out[offset++] = (hexDigit(source[i] as number) << 4) | hexDigit(source[i + 1] as number);
  return offset;
}

function hexDigit(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

function writeDate(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const days = readDate(source, start, end);
  return Number.isNaN(days) ? -1 : writeLong(out, at, days);
}

const DAY_MICROS = 86_400_000_000;

/** `24:00:00` is legal in Postgres and in no reader's time of day. */
function writeTime(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const micros = readTime(source, start, end);
  return micros >= DAY_MICROS ? -1 : writeLong(out, at, micros);
}

/** Seconds whose microseconds are safe integers: up to the year 2255. */
const SAFE_SECONDS = 9_007_199_253;
/** From here on the microseconds do not fit a long: the year 294247. */
const LONG_SECONDS = 9_223_372_036_854;

function writeTimestamp(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const seconds = readTimestampSeconds(source, start, end);
  if (Number.isNaN(seconds) || seconds >= LONG_SECONDS) return -1;
  const micros = readTimestampMicros(source, start, end);
  if (Math.abs(seconds) < SAFE_SECONDS) return writeLong(out, at, seconds * 1_000_000 + micros);
  if (seconds >= 0) return writeScaledLong(out, at, seconds, 1e6, micros, false);
  return micros === 0
    ? writeScaledLong(out, at, -seconds, 1e6, 0, true)
    : writeScaledLong(out, at, -seconds - 1, 1e6, 1_000_000 - micros, true);
}
