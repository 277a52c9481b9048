/**
 * Avro's zig-zag varints, written without BigInt: a 64-bit number is two 32-bit halves.
 * https://avro.apache.org/docs/1.11.1/specification/#primitive-types-1
 * Every writer takes the place to write at and returns the place behind; the caller has made room.
 */

/** The most bytes that a long takes. */
export const LONG_BYTES_MAX = 10;

const TWO_32 = 0x1_0000_0000;

/** `high` and `low` are the halves of the two's complement; their sign as JS numbers does not matter. */
export function writeLongHalves(out: Buffer, at: number, high: number, low: number): number {
  const sign = high >> 31;
  let zigHigh = (((high << 1) | (low >>> 31)) ^ sign) >>> 0;
  let zigLow = ((low << 1) ^ sign) >>> 0;
  let offset = at;
  while (zigHigh !== 0) {
    out[offset++] = (zigLow & 0x7f) | 0x80;
    zigLow = ((zigLow >>> 7) | (zigHigh << 25)) >>> 0;
    zigHigh >>>= 7;
  }
  while (zigLow > 0x7f) {
    out[offset++] = (zigLow & 0x7f) | 0x80;
    zigLow >>>= 7;
  }
  out[offset++] = zigLow;
  return offset;
}

/** Whole numbers from 0 to here keep their zig-zag form within a 31-bit integer. */
const SMALL_MAX = 0x3fffffff;

/** A long within the safe integers. */
export function writeLong(out: Buffer, at: number, value: number): number {
  if (value >= 0 && value <= SMALL_MAX) {
    let zig = value << 1;
    let offset = at;
    for (; zig > 0x7f; zig >>>= 7) out[offset++] = (zig & 0x7f) | 0x80;
    out[offset] = zig;
    return offset + 1;
  }
  const high = Math.floor(value / TWO_32);
  // A remainder of doubles is a call into the C library.
  return writeLongHalves(out, at, high | 0, (value - high * TWO_32) | 0);
}

export function writeBigLong(out: Buffer, at: number, value: bigint): number {
  return writeLongHalves(out, at, Number((value >> 32n) & 0xffffffffn) | 0, Number(value & 0xffffffffn) | 0);
}

/** `head * scale + tail` for a head up to 2^53 / scale * 65536, of either sign as `negative` says. */
export function writeScaledLong(
  out: Buffer,
  at: number,
  head: number,
  scale: number,
  tail: number,
  negative: boolean,
): number {
  // Two products that both stay exact, 16 bits apart.
  const upper = Math.floor(head / 65536) * scale;
  const lower = (head % 65536) * scale + tail;
  const lowSum = (upper % 65536) * 65536 + (lower % TWO_32);
  let low = (lowSum % TWO_32) | 0;
  let high = (Math.floor(upper / 65536) + Math.floor(lower / TWO_32) + Math.floor(lowSum / TWO_32)) | 0;
  if (negative) {
    low = -low | 0;
    high = low === 0 ? -high | 0 : ~high;
  }
  return writeLongHalves(out, at, high, low);
}

const LOOP_BYTES_MAX = 24;

/** Length and bytes: the encoding of `bytes` and of `string`. */
export function writeBytes(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const offset = writeLong(out, at, end - start);
  return copyBytes(out, offset, source, start, end);
}

/** A loop beats the native copy for short values. */
export function copyBytes(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  if (end - start > LOOP_BYTES_MAX) return at + source.copy(out, at, start, end);
  let offset = at;
  for (let i = start; i < end; i++) out[offset++] = source[i] as number;
  return offset;
}

/** A text as Avro. */
export function avroString(text: string): Buffer {
  const bytes = Buffer.from(text);
  const out = Buffer.allocUnsafe(bytes.length + LONG_BYTES_MAX);
  return out.subarray(0, copyBytes(out, writeLong(out, 0, bytes.length), bytes, 0, bytes.length));
}

/** The string of a whole number between `head` and `tail`: exact below 2^53. */
export function writeDecimalString(
  out: Buffer,
  at: number,
  head: Buffer,
  high: number,
  low: number,
  tail: Buffer,
): number {
  let rest = (high >>> 0) * TWO_32 + (low >>> 0);
  let digits = 1;
  for (let left = rest; left >= 10; left = Math.floor(left / 10)) digits++;
  const start = writeLong(out, at, head.length + digits + tail.length);
  const end = copyBytes(out, start, head, 0, head.length) + digits;
  for (let i = end - 1; i >= end - digits; i--) {
    const left = Math.floor(rest / 10);
    out[i] = 0x30 + (rest - left * 10);
    rest = left;
  }
  return copyBytes(out, end, tail, 0, tail.length);
}
