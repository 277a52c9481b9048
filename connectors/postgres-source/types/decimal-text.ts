import { writeLong } from './avro-varint.ts';
import { digits, digitsEnd, isDigit } from './digits.ts';

const MINUS = 0x2d;
const LETTER_I = 0x49;
const ZERO = 0x30;
/** Digits that a JS number holds exactly, whatever they are. */
const EXACT_DIGITS = 15;
const POWERS = Array.from({ length: EXACT_DIGITS + 1 }, (_, power) => 10 ** power);
/** Where the two decimal places of `lc_monetary=C` begin, from the end: `.99`. */
const CENTS_DIGITS = 2;

/**
 * Writes the text of a numeric as an Avro decimal of `scale`: the length and the shortest big-endian two's complement.
 * Returns -1 for what has no such form: NaN, the infinities, more decimal places than the scale and more digits than
 * the precision.
 */
export function writeDecimal(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
  precision: number,
  scale: number,
): number {
  const negative = source[start] === MINUS;
  const wholeStart = negative ? start + 1 : start;
  if (!isDigit(source[wholeStart])) return -1;
  const wholeEnd = digitsEnd(source, wholeStart, end);
  const places = Math.max(0, end - wholeEnd - 1);
  if (places > scale || exceeds(source, wholeStart, wholeEnd, precision - scale)) return -1;
  if (wholeEnd - wholeStart + scale > EXACT_DIGITS)
    return writeUnscaled(out, at, bigDecimal(source.toString('latin1', start, end), scale - places));
  const whole = digits(source, wholeStart, wholeEnd) * (POWERS[scale] as number);
  const fraction = digits(source, wholeEnd + 1, wholeEnd + 1 + places);
  const unscaled = whole + fraction * (POWERS[scale - places] as number);
  return writeShortest(out, at, negative ? -unscaled : unscaled);
}

/** The same, but what is too large becomes the largest decimal of its sign, the infinities included. */
export function writeClampedDecimal(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
  precision: number,
  scale: number,
): number {
  const negative = source[start] === MINUS;
  const from = negative ? start + 1 : start;
  const wholeEnd = digitsEnd(source, from, end);
  if (source[from] !== LETTER_I && !exceeds(source, from, wholeEnd, precision - scale))
    return writeDecimal(out, at, source, start, end, precision, scale);
  const largest = 10n ** BigInt(precision) - 1n;
  return writeUnscaled(out, at, negative ? -largest : largest);
}

/** `-$1,234.56`, as money is printed with `lc_monetary=C`: scale 2. */
export function writeMoney(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  let value = 0;
  let count = 0;
  for (let i = start; i < end; i++) {
    const byte = source[i] as number;
    if (!isDigit(byte)) continue;
    value = value * 10 + byte - ZERO;
    count++;
  }
  if (count <= CENTS_DIGITS) return -1;
  const negative = source[start] === MINUS;
  if (count <= EXACT_DIGITS) return writeShortest(out, at, negative ? -value : value);
  const unscaled = BigInt(source.toString('latin1', start, end).replaceAll(/[^0-9]/g, ''));
  return writeUnscaled(out, at, negative ? -unscaled : unscaled);
}

/** A lone 0 before the point counts for nothing: numeric(3,5) has no whole digit at all. */
function exceeds(source: Buffer, wholeStart: number, wholeEnd: number, wholeDigitsMax: number): boolean {
  const count = source[wholeStart] === ZERO ? 0 : wholeEnd - wholeStart;
  return count > wholeDigitsMax;
}

function bigDecimal(text: string, missingPlaces: number): bigint {
  return BigInt(text.replace('.', '')) * 10n ** BigInt(missingPlaces);
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

function writeUnscaled(out: Buffer, at: number, unscaled: bigint): number {
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
