import { digits, digitsEnd, isDigit } from './digits.ts';

/**
 * Reads what Postgres prints with `DateStyle=ISO` and `TimeZone=UTC`, without a string or a Date. Infinity has no
 * number: the readers return NaN for it.
 * https://www.postgresql.org/docs/current/datatype-datetime.html
 */

const ZERO = 0x30;
const DASH = 0x2d;
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
  if (source[start + YEAR_DIGITS] === DASH && !isBc(source, end))
    return recentDays(source, start) * SECONDS_PER_DAY + secondsAt(source, start + YEAR_DIGITS + 7);
  const yearEnd = digitsEnd(source, start, end);
  const days = daysAt(source, start, yearEnd, isBc(source, end));
  return days * SECONDS_PER_DAY + secondsAt(source, yearEnd + 7);
}

/** The microseconds behind the whole second, 0 to 999999. */
export function readTimestampMicros(source: Buffer, start: number, end: number): number {
  const isUsual = source[start + YEAR_DIGITS] === DASH;
  const yearEnd = isUsual ? start + YEAR_DIGITS : digitsEnd(source, start, end);
  return fractionMicros(source, yearEnd + 15, end);
}

const YEAR_DIGITS = 4;
/** The date that was read last: the timestamps of rows that follow each other mostly have the same. */
const recent = { printed: -1, days: 0 };

/** As {@link daysAt}, of a year of four digits. */
function recentDays(source: Buffer, start: number): number {
  const century = twoDigits(source, start) * 100 + twoDigits(source, start + 2);
  const printed = (century * 100 + twoDigits(source, start + 5)) * 100 + twoDigits(source, start + 8);
  if (printed !== recent.printed) {
    recent.days = daysAt(source, start, start + YEAR_DIGITS, false);
    recent.printed = printed;
  }
  return recent.days;
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
  return twoDigits(source, at) * 3600 + twoDigits(source, at + 3) * 60 + twoDigits(source, at + 6);
}

function fractionMicros(source: Buffer, at: number, end: number): number {
  if (at >= end || source[at] !== POINT) return 0;
  let micros = 0;
  let unit = 1_000_000;
  for (let i = at + 1; i < end && isDigit(source[i]); i++) {
    micros = micros * 10 + (source[i] as number) - ZERO;
    unit /= 10;
  }
  return micros * unit;
}

function twoDigits(source: Buffer, at: number): number {
  return ((source[at] as number) - ZERO) * 10 + (source[at + 1] as number) - ZERO;
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
