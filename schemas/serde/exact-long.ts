import avro, { type Type } from 'avsc';

/** Where avsc reads and writes: the two fields of its `Tap` that this needs. */
interface Tap {
  readonly buf: Buffer;
  /** Goes past the end of the buffer where that is too short: avsc looks at that afterwards. */
  pos: number;
}

/** Bytes of a varint whose seven bits each are still exact together in a double. */
const EXACT_BYTES = 7;
const EXACT_BITS = 49n;
/** The rest of the longest varint of 64 bits. */
const REST_BYTES = 3;
/** Below it the rest keeps the sum below 2^53. */
const EXACT_REST_MAX = 2 ** 4;
/** Zigzag doubles a number. */
const EXACT_LONG_MAX = 2n ** 52n - 1n;

/** What avsc asks for of a long of one's own. Its bytes are little-endian; with them comes the check of the range. */
const byBytes = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const buffer = Buffer.allocUnsafe(8);
    buffer.writeBigInt64LE(value);
    return buffer;
  },
  fromJSON: (value: number | string) => BigInt(value),
  toJSON: (value: bigint) => (Number.isSafeInteger(Number(value)) ? Number(value) : value.toString()),
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
}) as Type & { _write(tap: Tap, value: unknown): void };

/**
 * Avro `long` as bigint: all 64 bits, no rounding. avsc takes a long of one's own through a Buffer of eight bytes each, which is
 * most of the cost of a record of numbers: this one goes through a double wherever that is exact.
 */
export const exactLong: Type = Object.create(byBytes, {
  _read: { value: readLong },
  _write: { value: writeLong },
}) as Type;

/** @throws RangeError for more bytes than 64 bits take */
function readLong(tap: Tap): bigint {
  const { buf } = tap;
  let sum = 0;
  let unit = 1;
  for (let i = 0; i < EXACT_BYTES; i++) {
    const byte = buf[tap.pos++] ?? 0;
    sum += (byte & 0x7f) * unit;
    if (byte < 0x80) return unzigzag(sum);
    unit *= 0x80;
  }
  let rest = 0;
  for (let i = 0; i < REST_BYTES; i++) {
    const byte = buf[tap.pos++] ?? 0;
    rest += (byte & 0x7f) << (7 * i);
    if (byte >= 0x80) continue;
    if (rest < EXACT_REST_MAX) return unzigzag(sum + rest * unit);
    const bits = BigInt.asUintN(64, BigInt(sum) | (BigInt(rest) << EXACT_BITS));
    return (bits >> 1n) ^ -(bits & 1n);
  }
  throw new RangeError('a long of more than ten bytes');
}

function unzigzag(bits: number): bigint {
  return BigInt(bits % 2 === 0 ? bits / 2 : -(bits + 1) / 2);
}

/** @throws TypeError of avsc for what is no bigint, RangeError for one of more than 64 bits */
function writeLong(tap: Tap, value: unknown): void {
  if (typeof value !== 'bigint' || value > EXACT_LONG_MAX || value < -EXACT_LONG_MAX)
    return byBytes._write(tap, value);
  const { buf } = tap;
  const exact = Number(value);
  let bits = exact >= 0 ? exact * 2 : -exact * 2 - 1;
  while (bits >= 0x80) {
    buf[tap.pos++] = (bits & 0x7f) | 0x80;
    bits = Math.floor(bits / 0x80);
  }
  buf[tap.pos++] = bits;
}
