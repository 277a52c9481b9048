import { isDigit } from './digits.ts';

const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const LETTER_E = 0x65;
const ZERO = 0x30;
/** Every power of ten up to this one is an exact double. */
const EXACT_POWER_MAX = 22;
/** Digits that a double holds exactly, whatever they are. */
const EXACT_DIGITS = 15;

const POWERS: readonly number[] = Array.from({ length: EXACT_POWER_MAX + 1 }, (_, power) => 10 ** power);

/**
 * The double nearest to what the text says, as Postgres prints float4 and float8. An exact mantissa times or over an
 * exact power of ten rounds once, and so rightly (W. Clinger, How to read floating point numbers accurately, 1990);
 * anything else goes through a string.
 */
export function readFloat(source: Buffer, start: number, end: number): number {
  const negative = source[start] === MINUS;
  let at = negative ? start + 1 : start;
  let mantissa = 0;
  let count = 0;
  let places = 0;
  for (let point = false; at < end; at++) {
    const byte = source[at] as number;
    if (isDigit(byte)) {
      mantissa = mantissa * 10 + byte - ZERO;
      count++;
      if (point) places++;
    } else if (byte === POINT && !point) point = true;
    else break;
  }
  const power =
    at < end && source[at] === LETTER_E ? exponent(source, at + 1, end) : at < end ? Number.NaN : 0;
  const scale = power - places;
  if (count === 0 || count > EXACT_DIGITS || !(Math.abs(scale) <= EXACT_POWER_MAX))
    return Number(source.toString('latin1', start, end));
  const value = scale < 0 ? mantissa / (POWERS[-scale] as number) : mantissa * (POWERS[scale] as number);
  return negative ? -value : value;
}

function exponent(source: Buffer, start: number, end: number): number {
  const negative = source[start] === MINUS;
  let value = 0;
  for (let at = negative || source[start] === PLUS ? start + 1 : start; at < end; at++)
    value = value * 10 + (source[at] as number) - ZERO;
  return negative ? -value : value;
}

export function writeFloat(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  return out.writeFloatLE(readFloat(source, start, end), at);
}

export function writeDouble(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  return out.writeDoubleLE(readFloat(source, start, end), at);
}
