import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SMALL, numericWords, smallNumericWords } from '../../../connectors/postgres-sink/numeric-words.ts';
import { decimalText } from '../../../schemas/decimal.ts';

/** What numeric_recv makes of the words. */
function textOf(words: ArrayLike<number>): string {
  const [count = 0, weight = 0, sign = 0, scale = 0] = Array.from(words);
  let unscaled = 0n;
  for (let i = 0; i < count; i++) unscaled = unscaled * 10_000n + BigInt(words[4 + i] ?? 0);
  // The last digit stands for 10000^(weight - count + 1).
  const power = BigInt(scale) + 4n * BigInt(weight - count + 1);
  const value = power >= 0n ? unscaled * 10n ** power : unscaled / 10n ** -power;
  return decimalText({ unscaled: sign === 0 ? value : -value, scale });
}

test('a number that a double holds becomes the same numeric on the short way and on the long one', () => {
  const parts = [fc.maxSafeInteger(), fc.integer({ min: 0, max: 12 })] as const;
  fc.assert(
    fc.property(...parts, (unscaled, scale) => {
      const wanted = decimalText({ unscaled: BigInt(unscaled), scale });
      const count = smallNumericWords(unscaled, scale);
      if (count > 0) expect(textOf(SMALL.slice(0, count))).toBe(wanted);
      else expect(Math.abs(unscaled)).toBeGreaterThan(Number.MAX_SAFE_INTEGER / 1_001);
      expect(textOf(numericWords({ unscaled: BigInt(unscaled), scale }))).toBe(wanted);
    }),
  );
});

test('numbers beyond a double keep every digit', () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.integer({ min: 0, max: 60 }), (unscaled, scale) => {
      expect(textOf(numericWords({ unscaled, scale }))).toBe(decimalText({ unscaled, scale }));
    }),
  );
});
