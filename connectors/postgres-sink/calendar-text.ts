/**
 * Postgres text of dates and times from the integers that Avro carries, for every value of Postgres's own range
 * (4713 BC to 294276 AD). No `Date`: it knows neither microseconds nor the years beyond 275760.
 * Output is ISO style, which every DateStyle reads: https://www.postgresql.org/docs/current/datatype-datetime.html
 */
const DAY_MICROS = 86_400_000_000n;
const SECOND_MICROS = 1_000_000;
const DAYS_PER_ERA = 146_097;
/** Days from 0000-03-01, where the Gregorian eras of 400 years are counted from, to 1970-01-01. */
const EPOCH_DAYS = 719_468;

/** `days` since 1970-01-01 as `2024-02-29`, or `0044-03-15 BC`. */
export function dateText(days: number): string {
  const { year, monthDay } = civil(days);
  return year > 0 ? `${pad(year, 4)}${monthDay}` : `${pad(1 - year, 4)}${monthDay} BC`;
}

/** Microseconds since midnight as `23:59:59.000001`; 24:00:00 is a time of its own in Postgres. */
export function timeText(micros: bigint): string {
  return clock(Number(micros));
}

/**
 * Microseconds since 1970-01-01 00:00:00 as `2024-02-29 12:00:00.5`.
 * @param zone `+00` for a timestamptz, the empty string for a timestamp without time zone
 */
export function timestampText(micros: bigint, zone: '+00' | ''): string {
  let ofDay = micros % DAY_MICROS;
  if (ofDay < 0n) ofDay += DAY_MICROS;
  const { year, monthDay } = civil(Number((micros - ofDay) / DAY_MICROS));
  const time = `${clock(Number(ofDay))}${zone}`;
  return year > 0 ? `${pad(year, 4)}${monthDay} ${time}` : `${pad(1 - year, 4)}${monthDay} ${time} BC`;
}

/** Proleptic Gregorian calendar; year 0 is 1 BC. Years begin in March here, so that the leap day comes last. */
function civil(days: number): { year: number; monthDay: string } {
  const shifted = days + EPOCH_DAYS;
  const era = Math.floor(shifted / DAYS_PER_ERA);
  const dayOfEra = shifted - era * DAYS_PER_ERA;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return { year, monthDay: `-${pad(month, 2)}-${pad(day, 2)}` };
}

function clock(micros: number): string {
  const seconds = Math.floor(micros / SECOND_MICROS);
  const fraction = micros - seconds * SECOND_MICROS;
  const hms = `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
  return fraction === 0 ? hms : `${hms}.${pad(fraction, 6)}`;
}

function pad(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}
