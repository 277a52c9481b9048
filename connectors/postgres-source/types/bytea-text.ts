import { writeLong } from './avro-varint.ts';
import { digits } from './digits.ts';

const BACKSLASH = 0x5c;
const LETTER_X = 0x78;

/**
 * bytea as Postgres prints it: `\x` and two digits per byte, or with `bytea_output=escape` printable bytes as they are,
 * `\\` and `\ooo`. https://www.postgresql.org/docs/current/datatype-binary.html
 */
export function writeBytea(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  if (source[start] !== BACKSLASH || source[start + 1] !== LETTER_X)
    return writeEscaped(out, at, source, start, end);
  return writeHex(out, writeLong(out, at, (end - start - 2) / 2), source, start + 2, end);
}

/** The bytes that pairs of hex digits write, without a length. */
export function writeHex(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let offset = at;
  for (let i = start; i < end; i += 2) out[offset++] = hexByte(source, i);
  return offset;
}

export function hexByte(source: Buffer, at: number): number {
  return (hexDigit(source[at] as number) << 4) | hexDigit(source[at + 1] as number);
}

function hexDigit(byte: number): number {
  return byte <= 0x39 ? byte - 0x30 : (byte | 0x20) - 0x57;
}

function writeEscaped(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let length = 0;
  for (let i = start; i < end; i += escapeLength(source, i)) length++;
  let offset = writeLong(out, at, length);
  for (let i = start; i < end; i += escapeLength(source, i)) out[offset++] = escapedByte(source, i);
  return offset;
}

function escapeLength(source: Buffer, at: number): number {
  if (source[at] !== BACKSLASH) return 1;
  return source[at + 1] === BACKSLASH ? 2 : 4;
}

function escapedByte(source: Buffer, at: number): number {
  if (escapeLength(source, at) !== 4) return source[at] as number;
  return (
    digits(source, at + 1, at + 2) * 64 + digits(source, at + 2, at + 3) * 8 + digits(source, at + 3, at + 4)
  );
}
