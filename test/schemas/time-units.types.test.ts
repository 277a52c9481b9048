import { expect, test } from 'vitest';
import type * as units from '../../schemas/time-units.ts';

interface Units {
  readonly date: units.EpochDays;
  readonly 'time-millis': units.TimeMillis;
  readonly 'time-micros': units.TimeMicros;
  readonly 'timestamp-millis': units.TimestampMillis;
  readonly 'timestamp-micros': units.TimestampMicros;
  readonly 'timestamp-nanos': units.TimestampNanos;
  readonly 'local-timestamp-millis': units.LocalTimestampMillis;
  readonly 'local-timestamp-micros': units.LocalTimestampMicros;
  readonly 'local-timestamp-nanos': units.LocalTimestampNanos;
}

/** Pairs of units of which one goes into the other. */
type Mixed = {
  [A in keyof Units]: {
    [B in Exclude<keyof Units, A>]: Units[A] extends Units[B] ? readonly [A, B] : never;
  }[Exclude<keyof Units, A>];
}[keyof Units];

test('a plain number goes into a unit, and no unit into another', () => {
  const apart: [Mixed] extends [never] ? true : Mixed = true;
  const millis: Units['timestamp-millis'] = 1n;
  // @ts-expect-error milliseconds are no microseconds
  const micros: Units['timestamp-micros'] = millis;
  const converted: Units['timestamp-micros'] = millis * 1000n;
  const days: Units['date'] = 2;
  expect([apart, micros, converted, days + 1]).toEqual([true, 1n, 1000n, 3]);
});
