import type { Decimal } from '../../schemas/decimal.ts';

/**
 * The words of a Postgres `numeric` as it is sent in binary: number of digits, weight of the first, sign, digits behind the
 * point, then the digits, each four decimal ones:
 * https://github.com/postgres/postgres/blob/REL_18_STABLE/src/backend/utils/adt/numeric.c (numeric_recv).
 */
const HEADER_WORDS = 4;
const DIGIT_DECIMALS = 4;
const DIGIT_RANGE = 10_000;
const NEGATIVE = 0x4000;
const POWERS = [1, 10, 100, 1_000] as const;
/** Digits of a number below 2^53 with a scale that leaves it there. */
const SMALL_WORDS = 16;

/** Reused: what {@link numericWords} fills holds until it is called again. */
export const SMALL = new Int16Array(SMALL_WORDS);

/** Largest number that stays exact when it is aligned to whole digits. */
const SAFE_MAX = Number.MAX_SAFE_INTEGER / 1_000;

/**
 * Fills {@link SMALL} with `unscaled / 10^scale`. Returns the number of words, or 0 where the number is too large for this
 * way.
 */
export function smallNumericWords(unscaled: number, scale: number): number {
  let rest = Math.abs(unscaled);
  if (!(rest <= SAFE_MAX)) return 0;
  const fractionDigits = Math.ceil(scale / DIGIT_DECIMALS);
  rest *= POWERS[fractionDigits * DIGIT_DECIMALS - scale] as number;
  let digits = 0;
  let isTrailing = true;
  let skipped = 0;
  // Backwards, and turned round below: the number of digits is not known before.
  while (rest > 0) {
    const next = Math.floor(rest / DIGIT_RANGE);
    const digit = rest - next * DIGIT_RANGE;
    rest = next;
    if (isTrailing && digit === 0) {
      skipped++;
      continue;
    }
    isTrailing = false;
    SMALL[HEADER_WORDS + digits++] = digit;
  }
  for (let low = HEADER_WORDS, high = HEADER_WORDS + digits - 1; low < high; low++, high--) {
    const word = SMALL[low] as number;
    SMALL[low] = SMALL[high] as number;
    SMALL[high] = word;
  }
  SMALL[0] = digits;
  SMALL[1] = digits === 0 ? 0 : digits + skipped - fractionDigits - 1;
  SMALL[2] = unscaled < 0 ? NEGATIVE : 0;
  SMALL[3] = scale;
  return HEADER_WORDS + digits;
}

/** The words of any number. */
export function numericWords({ unscaled, scale }: Decimal): Int16Array {
  const fractionDigits = Math.ceil(scale / DIGIT_DECIMALS);
  const decimals =
    (unscaled < 0n ? -unscaled : unscaled).toString() + '0'.repeat(fractionDigits * DIGIT_DECIMALS - scale);
  const digits = Math.ceil(decimals.length / DIGIT_DECIMALS);
  const padded = decimals.padStart(digits * DIGIT_DECIMALS, '0');
  const words = new Int16Array(HEADER_WORDS + digits);
  for (let i = 0; i < digits; i++)
    words[HEADER_WORDS + i] = Number(padded.slice(i * DIGIT_DECIMALS, (i + 1) * DIGIT_DECIMALS));
  words[0] = digits;
  words[1] = digits - fractionDigits - 1;
  words[2] = unscaled < 0n ? NEGATIVE : 0;
  words[3] = scale;
  return words;
}
