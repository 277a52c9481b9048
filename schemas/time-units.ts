/**
 * Times as Avro's logical types count them. A plain number or bigint goes in; one that counts another unit, or from
 * another beginning, does not compile. At run time there is only the number.
 */
interface Counts<Unit extends string> {
  /** For the compiler alone. */
  readonly unit?: Unit;
}

/** `date`: days since 1970-01-01. */
export type EpochDays = number & Counts<'days since 1970'>;
/** `time-millis`: milliseconds since midnight. */
export type TimeMillis = number & Counts<'milliseconds since midnight'>;
/** `time-micros`: microseconds since midnight. */
export type TimeMicros = bigint & Counts<'microseconds since midnight'>;
/** `timestamp-millis`: milliseconds since 1970-01-01T00:00:00Z. */
export type TimestampMillis = bigint & Counts<'milliseconds since 1970'>;
/** `timestamp-micros`: microseconds since 1970-01-01T00:00:00Z. */
export type TimestampMicros = bigint & Counts<'microseconds since 1970'>;
/** `timestamp-nanos`: nanoseconds since 1970-01-01T00:00:00Z. */
export type TimestampNanos = bigint & Counts<'nanoseconds since 1970'>;
/** `local-timestamp-millis`: milliseconds since 1970-01-01T00:00:00 on a clock of an unknown zone. */
export type LocalTimestampMillis = bigint & Counts<'milliseconds since 1970, local'>;
/** `local-timestamp-micros`: as {@link LocalTimestampMillis}, in microseconds. */
export type LocalTimestampMicros = bigint & Counts<'microseconds since 1970, local'>;
/** `local-timestamp-nanos`: as {@link LocalTimestampMillis}, in nanoseconds. */
export type LocalTimestampNanos = bigint & Counts<'nanoseconds since 1970, local'>;
