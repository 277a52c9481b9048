import { writeLong } from './avro-varint.ts';
import { digits, digitsEnd, isDigit } from './digits.ts';

const MINUS = 0x2d;
/** Digits that a JS number holds exactly, whatever they are. */
const EXACT_DIGITS = 15;

/**
 * Writes the text of a numeric as an Avro decimal of `scale`: the length and the shortest big-endian two's complement.
 * Returns -1 for what has no such form: NaN, the infinities, and more decimal places than the scale.
 */
export function writeDecimal(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
  scale: number,
): number {
  const negative = source[start] === MINUS;
  const wholeStart = negative ? start + 1 : start;
  if (!isDigit(source[wholeStart])) return -1;
  const wholeEnd = digitsEnd(source, wholeStart, end);
  const places = Math.max(0, end - wholeEnd - 1);
  if (places > scale) return -1;
  if (wholeEnd - wholeStart + scale > EXACT_DIGITS)
    return writeBigDecimal(out, at, source.toString('latin1', start, end), scale - places);
  const whole = digits(source, wholeStart, wholeEnd) * 10 ** scale;
  const unscaled = whole + digits(source, wholeEnd + 1, wholeEnd + 1 + places) * 10 ** (scale - places);
  return writeShortest(out, at, negative ? -unscaled : unscaled);
}

function writeShortest(out: Buffer, at: number, unscaled: number): number {
  let bytes = 1;
  for (let limit = 128; unscaled >= limit || unscaled < -limit; limit *= 256) bytes++;
  out[at] = bytes * 2;
  let rest = unscaled;
  for (let i = bytes; i > 0; i--) {
    // A Buffer keeps the low eight bits; floor makes them two's complement for negative numbers too.
    out[at + i] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  return at + 1 + bytes;
}

function writeBigDecimal(out: Buffer, at: number, text: string, missingPlaces: number): number {
  const unscaled = BigInt(text.replace('.', '')) * 10n ** BigInt(missingPlaces);
  let bytes = 1;
  while (BigInt.asIntN(bytes * 8, unscaled) !== unscaled) bytes++;
  const end = writeLong(out, at, bytes) + bytes;
  let rest = unscaled;
  for (let i = 1; i <= bytes; i++) {
    out[end - i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return end;
}
