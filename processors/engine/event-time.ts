const DAY_MS = 86_400_000;
const MICROS_PER_MILLI = 1_000n;

/** Event time of an Avro `date` (days since 1970-01-01): midnight UTC, milliseconds. Null stays null. */
export function dayMs(days: number): number;
export function dayMs(days: number | null): number | null;
export function dayMs(days: number | null): number | null {
  return days === null ? null : days * DAY_MS;
}

/** Event time of an Avro `timestamp-micros`: whole milliseconds, rounded towards the past. Null stays null. */
export function microsMs(micros: bigint): number;
export function microsMs(micros: bigint | null): number | null;
export function microsMs(micros: bigint | null): number | null {
  if (micros === null) return null;
  const whole = micros / MICROS_PER_MILLI;
  return Number(micros < 0n && whole * MICROS_PER_MILLI !== micros ? whole - 1n : whole);
}
