import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  POINTER_BYTES,
  declaredBytesMax,
  outOfLineBytesMin,
  storedBytesMax,
} from '../../../../connectors/postgres-source/toast/toast-size.ts';

const TARGET = 1500;

interface Value {
  /** What the row's text lets one expect at most. */
  readonly bound: number;
  /** What it takes, compressed or not. */
  readonly bytes: number;
  /** MAIN: moved when nothing else is left to move. */
  readonly main: boolean;
}

/** What Postgres moves: the largest first, until the row fits (access/table/toast_helper.c). */
function moved(values: readonly Value[], fixedBytes: number): Value[] {
  const out: Value[] = [];
  for (const main of [false, true])
    for (;;) {
      const inline = values.filter((value) => !out.includes(value));
      const row = inline.reduce((sum, { bytes }) => sum + bytes, fixedBytes);
      const largest = inline
        .filter((value) => value.main === main && value.bytes > POINTER_BYTES)
        .toSorted((a, b) => b.bytes - a.bytes)[0];
      if (row <= TARGET || largest === undefined) break;
      out.push(largest);
    }
  return out;
}

function limit(values: readonly Value[], fixedBytes: number): number {
  return outOfLineBytesMin(
    Float64Array.from(values, ({ bound }) => bound),
    values.map(({ main }) => main),
    values.length,
    fixedBytes,
    TARGET,
  );
}

test('no value that Postgres moves is below the limit, whatever it compresses', () => {
  const value = fc
    .record({
      bound: fc.oneof(fc.integer({ min: 9, max: 120 }), fc.integer({ min: 9, max: 20_000 })),
      part: fc.double({ min: 0.01, max: 1, noNaN: true }),
      main: fc.boolean(),
    })
    .map(({ bound, part, main }): Value => ({ bound, bytes: Math.ceil(bound * part), main }));
  fc.assert(
    fc.property(fc.array(value, { maxLength: 12 }), fc.integer({ min: 30, max: 2500 }), (values, fixed) => {
      const bytesMin = limit(values, fixed);
      for (const { bound } of moved(values, fixed)) expect(bound).toBeGreaterThanOrEqual(bytesMin);
    }),
    { numRuns: 2000 },
  );
});

test('a row that fits has nothing out of line, and beside a large value a small one stays where it is', () => {
  const plain = (...bounds: number[]): Value[] =>
    bounds.map((bound) => ({ bound, bytes: bound, main: false }));
  expect(limit(plain(700, 700), 100)).toBe(Number.POSITIVE_INFINITY);
  expect(limit(plain(9000, 60), 100)).toBeGreaterThan(60);
  expect(limit(plain(9000, 60), 100)).toBeLessThanOrEqual(9000);
  // Many small ones fill a row as well.
  expect(limit(plain(...Array.from({ length: 40 }, () => 60)), 100)).toBeLessThanOrEqual(60);
});

test('values of unknown size count as large as can be', () => {
  const bytes = Float64Array.of(Number.POSITIVE_INFINITY, 50);
  expect(outOfLineBytesMin(bytes, [false, false], 2, 1490, TARGET)).toBeLessThanOrEqual(50);
  expect(outOfLineBytesMin(bytes, [true, false], 2, 0, TARGET)).toBe(POINTER_BYTES);
});

test('short declared types are never moved', () => {
  expect(declaredBytesMax(1043, 4 + 4)).toBeLessThanOrEqual(POINTER_BYTES);
  expect(declaredBytesMax(1043, 4 + 200)).toBe(804);
  expect(declaredBytesMax(1700, ((10 << 16) | 2) + 4)).toBeLessThanOrEqual(POINTER_BYTES);
  expect(declaredBytesMax(1700, ((1000 << 16) | 2) + 4)).toBeGreaterThan(POINTER_BYTES);
  expect(declaredBytesMax(25, -1)).toBe(Number.POSITIVE_INFINITY);
  // {1,2,3}: three ints and the head of an array.
  expect(storedBytesMax('{1,2,3}'.length, 4)).toBeGreaterThanOrEqual(36);
});
