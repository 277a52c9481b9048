import { writeLong, writeScaledLong } from './avro-varint.ts';
import { digits } from './digits.ts';

const MINUS = 0x2d;
const EXACT_DIGITS = 15;
const TAIL_DIGITS = 9;

/** Decimal digits, with a minus or without: everything up to int8 and the unsigned 32 bits of oid and xid. */
export function writeInteger(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const negative = source[start] === MINUS;
  const from = negative ? start + 1 : start;
  if (end - from <= EXACT_DIGITS) {
    const value = digits(source, from, end);
    return writeLong(out, at, negative ? -value : value);
  }
  const tail = end - TAIL_DIGITS;
  return writeScaledLong(out, at, digits(source, from, tail), 1e9, digits(source, tail, end), negative);
}
