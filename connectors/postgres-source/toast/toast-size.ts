/** A pointer to an out-of-line value, aligned: a value that is not larger never becomes one (access/heap/heaptoast.c). */
export const POINTER_BYTES = 24;
/** What a value has in the table beside its bytes: length, alignment, the head of an array. */
const VALUE_OVERHEAD_BYTES = 8;
const NESTED_OVERHEAD_BYTES = 32;

const VARCHAR = 1043;
const BPCHAR = 1042;
const NUMERIC = 1700;
const INET = 869;
const CIDR = 650;
const TYPMOD_OVERHEAD = 4;
const CHARACTER_BYTES_MAX = 4;

/** No value of the type takes more in the table; Infinity where its declaration sets no bound. */
export function declaredBytesMax(typeOid: number, typmod: number): number {
  if (typeOid === INET || typeOid === CIDR) return POINTER_BYTES;
  if (typmod < TYPMOD_OVERHEAD) return Number.POSITIVE_INFINITY;
  if (typeOid === VARCHAR || typeOid === BPCHAR)
    return (typmod - TYPMOD_OVERHEAD) * CHARACTER_BYTES_MAX + TYPMOD_OVERHEAD;
  if (typeOid === NUMERIC) {
    // Four digits take two bytes; the point may split a group.
    const digits = ((typmod - TYPMOD_OVERHEAD) >> 16) & 0xffff;
    return Math.ceil(digits / 4 + 1) * 2 + VALUE_OVERHEAD_BYTES;
  }
  return Number.POSITIVE_INFINITY;
}

/** Bytes that a value may take in the table at most, uncompressed. */
export function storedBytesMax(bytes: number, growth: number): number {
  return bytes * growth + (growth === 1 ? VALUE_OVERHEAD_BYTES : NESTED_OVERHEAD_BYTES);
}

/**
 * The size from which on a value of a row may be out of line. Postgres moves values until a row fits `targetBytes`, and
 * always the largest of those that are left. So when one of size v is moved, no other takes more than v any more, except
 * those that are kept inline as long as possible; and the row does not fit yet. Infinity: the row fits as it is.
 * @param bytes upper bounds of the sizes, the first `count` of them
 * @param inline which of them are moved last or never
 * @param fixedBytes what the row takes beside them
 */
export function outOfLineBytesMin(
  bytes: Float64Array,
  inline: readonly boolean[],
  count: number,
  fixedBytes: number,
  targetBytes: number,
): number {
  if (levelled(bytes, inline, count, fixedBytes, Number.POSITIVE_INFINITY) <= targetBytes)
    return Number.POSITIVE_INFINITY;
  let low = POINTER_BYTES;
  let high = Math.max(POINTER_BYTES, targetBytes) + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (levelled(bytes, inline, count, fixedBytes, middle) > targetBytes) high = middle;
    else low = middle + 1;
  }
  return low;
}

function levelled(
  bytes: Float64Array,
  inline: readonly boolean[],
  count: number,
  fixedBytes: number,
  level: number,
): number {
  let sum = fixedBytes;
  for (let i = 0; i < count; i++) {
    const own = bytes[i] as number;
    sum += inline[i] === true ? own : Math.min(own, Math.max(level, POINTER_BYTES));
  }
  return sum;
}
