import { writeLong, writeScaledLong } from './avro-varint.ts';
import { readDate, readTime, readTimestampMicros, readTimestampSeconds } from './date-text.ts';

/**
 * Dates and times as Avro's logical types. The plain writers refuse what the types cannot hold; the clamping ones write
 * the nearest value between the years 1 and 9999, which is what most readers hold.
 */

const MINUS = 0x2d;
const DAY_SECONDS = 86_400;
const DAY_MICROS = DAY_SECONDS * 1_000_000;
/** 0001-01-01 and 9999-12-31, as days since 1970-01-01. */
const FIRST_DAY = -719_162;
const LAST_DAY = 2_932_896;

export function writeDate(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const days = readDate(source, start, end);
  return Number.isNaN(days) ? -1 : writeLong(out, at, days);
}

export function writeClampedDate(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): number {
  const days = finite(readDate(source, start, end), source, start);
  return writeLong(out, at, Math.min(LAST_DAY, Math.max(FIRST_DAY, days)));
}

/** `24:00:00` is legal in Postgres and in no reader's time of day. */
export function writeTime(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const micros = readTime(source, start, end);
  return micros >= DAY_MICROS ? -1 : writeLong(out, at, micros);
}

export function writeClampedTime(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): number {
  return writeLong(out, at, Math.min(DAY_MICROS - 1, readTime(source, start, end)));
}

/** Seconds whose microseconds are safe integers: up to the year 2255. */
const SAFE_SECONDS = 9_007_199_253;
/** From here on the microseconds do not fit a long: the year 294247. */
const LONG_SECONDS = 9_223_372_036_854;

export function writeTimestamp(out: Buffer, at: number, source: Buffer, start: number, end: number): number {
  const seconds = readTimestampSeconds(source, start, end);
  if (Number.isNaN(seconds) || seconds >= LONG_SECONDS) return -1;
  return writeMicros(out, at, seconds, readTimestampMicros(source, start, end));
}

export function writeClampedTimestamp(
  out: Buffer,
  at: number,
  source: Buffer,
  start: number,
  end: number,
): number {
  const seconds = finite(readTimestampSeconds(source, start, end), source, start);
  if (seconds < FIRST_DAY * DAY_SECONDS) return writeMicros(out, at, FIRST_DAY * DAY_SECONDS, 0);
  const behindLast = (LAST_DAY + 1) * DAY_SECONDS;
  if (seconds >= behindLast) return writeMicros(out, at, behindLast - 1, 999_999);
  return writeMicros(out, at, seconds, readTimestampMicros(source, start, end));
}

/** The number, or the infinity that the text names. */
function finite(value: number, source: Buffer, start: number): number {
  if (!Number.isNaN(value)) return value;
  return source[start] === MINUS ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

function writeMicros(out: Buffer, at: number, seconds: number, micros: number): number {
  if (Math.abs(seconds) < SAFE_SECONDS) return writeLong(out, at, seconds * 1_000_000 + micros);
  if (seconds >= 0) return writeScaledLong(out, at, seconds, 1e6, micros, false);
  return micros === 0
    ? writeScaledLong(out, at, -seconds, 1e6, 0, true)
    : writeScaledLong(out, at, -seconds - 1, 1e6, 1_000_000 - micros, true);
}
