import { digits, digitsEnd, isDigit } from './digits.ts';

/**
 * Reads what Postgres prints with `DateStyle=ISO` and `TimeZone=UTC`, without a string or a Date. Infinity has no
 * number: the readers return NaN for it.
 * https://www.postgresql.org/docs/current/datatype-datetime.html
 */

const POINT = 0x2e;
const SECONDS_PER_DAY = 86_400;

/** Days since 1970-01-01 of `2024-02-29`, `12345-01-01` or `0044-03-15 BC`; NaN for infinity. */
export function readDate(source: Buffer, start: number, end: number): number {
  if (!isDigit(source[start])) return Number.NaN;
  return daysAt(source, start, digitsEnd(source, start, end), isBc(source, end));
}

/** Microseconds since midnight of `12:34:56.789`; up to 86400000000 for `24:00:00`. */
export function readTime(source: Buffer, start: number, end: number): number {
  return secondsAt(source, start) * 1_000_000 + fractionMicros(source, start + 8, end);
}

/** Seconds since 1970-01-01 00:00 UTC, rounded down; NaN for infinity. The rest is {@link readTimestampMicros}. */
export function readTimestampSeconds(source: Buffer, start: number, end: number): number {
  if (!isDigit(source[start])) return Number.NaN;
  const yearEnd = digitsEnd(source, start, end);
  const days = daysAt(source, start, yearEnd, isBc(source, end));
  return days * SECONDS_PER_DAY + secondsAt(source, yearEnd + 7);
}

/** The microseconds behind the whole second, 0 to 999999. */
export function readTimestampMicros(source: Buffer, start: number, end: number): number {
  return fractionMicros(source, digitsEnd(source, start, end) + 15, end);
}

/** `yearEnd` is the dash behind the year; month and day have two digits each. */
function daysAt(source: Buffer, start: number, yearEnd: number, bc: boolean): number {
  const printed = digits(source, start, yearEnd);
  // There is no year 0: 1 BC is the astronomical year 0.
  const year = bc ? 1 - printed : printed;
  return daysFromCivil(
    year,
    digits(source, yearEnd + 1, yearEnd + 3),
    digits(source, yearEnd + 4, yearEnd + 6),
  );
}

function secondsAt(source: Buffer, at: number): number {
  return (
    digits(source, at, at + 2) * 3600 + digits(source, at + 3, at + 5) * 60 + digits(source, at + 6, at + 8)
  );
}

function fractionMicros(source: Buffer, at: number, end: number): number {
  if (at >= end || source[at] !== POINT) return 0;
  const fractionEnd = digitsEnd(source, at + 1, end);
  return digits(source, at + 1, fractionEnd) * 10 ** (6 - (fractionEnd - at - 1));
}

/** Only ` BC` ends in the letter C. */
function isBc(source: Buffer, end: number): boolean {
  return source[end - 1] === 0x43;
}

/** Proleptic Gregorian days since 1970-01-01 (H. Hinnant, chrono-compatible low-level date algorithms). */
function daysFromCivil(year: number, month: number, day: number): number {
  const shifted = month <= 2 ? year - 1 : year;
  const era = Math.floor(shifted / 400);
  const yearOfEra = shifted - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}
