/** Bytes of a varint whose seven bits each are exact together in a double. */
const EXACT_BYTES = 7;
/** Of the eighth byte: below it the whole stays below 2^53. */
const EXACT_REST_MAX = 16;
const EXACT_UNIT = 2 ** 49;
const BYTES_MAX = 10;

/** Where the varint at `at` ends, or -1 where it does not within its ten bytes. A read past the end of `bytes` does not end either. */
export function endOfVarint(bytes: Buffer, at: number): number {
  for (let i = at; i < at + BYTES_MAX; i++) if ((bytes[i] as number) < 0x80) return i + 1;
  return -1;
}

/** An Avro `int` or `long`; NaN for one that no double holds exactly. */
export function readVarint(bytes: Buffer, at: number): number {
  const first = bytes[at] as number;
  if (first < 0x80) return (first & 1) === 0 ? first >>> 1 : -((first + 1) >>> 1);
  let sum = first & 0x7f;
  let unit = 0x80;
  for (let i = 1; i < EXACT_BYTES; i++) {
    const byte = bytes[at + i] as number;
    sum += (byte & 0x7f) * unit;
    if (byte < 0x80) return unzigzag(sum, first);
    unit *= 0x80;
  }
  const last = bytes[at + EXACT_BYTES] as number;
  return last < EXACT_REST_MAX ? unzigzag(sum + last * EXACT_UNIT, first) : Number.NaN;
}

function unzigzag(bits: number, first: number): number {
  return (first & 1) === 0 ? bits / 2 : -(bits + 1) / 2;
}

/** An Avro `int` or `long` of any size. */
export function readBigVarint(bytes: Buffer, at: number): bigint {
  let bits = 0n;
  for (let i = 0; i < BYTES_MAX; i++) {
    const byte = bytes[at + i] as number;
    bits |= BigInt(byte & 0x7f) << BigInt(7 * i);
    if (byte < 0x80) break;
  }
  return BigInt.asIntN(64, (bits >> 1n) ^ -(bits & 1n));
}
