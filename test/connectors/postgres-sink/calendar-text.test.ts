import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dateText, timeText, timestampText } from '../../../connectors/postgres-sink/calendar-text.ts';

test.each([
  [0, '1970-01-01'],
  [-1, '1969-12-31'],
  [11_016, '2000-02-29'],
  [-25_509, '1900-02-28'],
  [-719_162, '0001-01-01'],
  [-719_163, '0001-12-31 BC'],
  [-2_440_588, '4714-11-24 BC'],
  [2_932_897, '10000-01-01'],
])('day %i is %s', (days, text) => {
  expect(dateText(days)).toBe(text);
});

test.each([
  [0n, '1970-01-01 00:00:00'],
  [-1n, '1969-12-31 23:59:59.999999'],
  [1n, '1970-01-01 00:00:00.000001'],
  [253_402_300_800_000_000n, '10000-01-01 00:00:00'],
  [9_223_371_331_199_999_999n, '294247-01-01 23:59:59.999999'],
  [-62_135_596_800_000_001n, '0001-12-31 23:59:59.999999 BC'],
])('%i microseconds are %s', (micros, text) => {
  expect(timestampText(micros, '')).toBe(text);
});

test('a zone stands before BC, where Postgres reads it', () => {
  expect(timestampText(-62_135_596_800_000_001n, '+00')).toBe('0001-12-31 23:59:59.999999+00 BC');
});

test.each([
  [0n, '00:00:00'],
  [86_399_999_999n, '23:59:59.999999'],
  [86_400_000_000n, '24:00:00'],
])('%i microseconds of a day are %s', (micros, text) => {
  expect(timeText(micros)).toBe(text);
});

test('every millisecond of the years 1 to 9999 has the text that Date gives', () => {
  const from = Date.UTC(1970, 0, 1) - 62_135_596_800_000;
  fc.assert(
    fc.property(fc.integer({ min: from, max: 253_402_300_799_999 }), (ms) => {
      const iso = new Date(ms).toISOString();
      const [date, time] = [iso.slice(0, 10), iso.slice(11, 23)];
      const text = timestampText(BigInt(ms) * 1000n, '+00');
      expect(text).toBe(`${date} ${time.endsWith('.000') ? time.slice(0, 8) : `${time}000`}+00`);
      expect(dateText(Math.floor(ms / 86_400_000))).toBe(date);
    }),
  );
});
