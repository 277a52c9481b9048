/** Zigzag variable-length integers, as Kafka's record format and Protocol Buffers use them. */

const TWO_31 = 0x80000000;
const TWO_7 = 0x80;

/** Largest encoding of a value within 2^53. */
export const VARINT_BYTES_MAX = 8;

const fitsInt32 = (value: number): boolean => value === (value | 0);

/** Bytes that `writeVarint` takes for a whole number within plus or minus 2^52. */
export function varintSize(value: number): number {
  if (fitsInt32(value)) {
    const zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    if (zigzag < 0x80) return 1;
    if (zigzag < 0x4000) return 2;
    if (zigzag < 0x200000) return 3;
    return zigzag < 0x10000000 ? 4 : 5;
  }
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  let size = 1;
  for (; rest >= TWO_7; rest = Math.floor(rest / TWO_7)) size++;
  return size;
}

/** Writes a whole number within plus or minus 2^52; returns the position after it. */
export function writeVarint(target: Buffer, position: number, value: number): number {
  let at = position;
  if (fitsInt32(value)) {
    let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
    for (; zigzag >= TWO_7; zigzag >>>= 7) target[at++] = (zigzag & 0x7f) | TWO_7;
    target[at++] = zigzag;
    return at;
  }
  let rest = value >= 0 ? value * 2 : -value * 2 - 1;
  for (; rest >= TWO_7; rest = Math.floor(rest / TWO_7)) target[at++] = (rest % TWO_7) | TWO_7;
  target[at++] = rest;
  return at;
}

/** A position in a buffer that the read functions move on. */
export interface Cursor {
  readonly buffer: Buffer;
  at: number;
}

/** @throws RangeError when the buffer ends inside the number, or the number is beyond 2^53 */
export function readVarint(cursor: Cursor): number {
  const buffer = cursor.buffer;
  const first = buffer[cursor.at];
  if (first !== undefined && first < TWO_7) {
    cursor.at++;
    return (first >>> 1) ^ -(first & 1);
  }
  let scale = 1;
  let zigzag = 0;
  for (;;) {
    const byte = buffer[cursor.at++];
    if (byte === undefined) throw new RangeError(`a variable-length integer ends at byte ${buffer.length}`);
    zigzag += (byte & 0x7f) * scale;
    if (byte < TWO_7) break;
    scale *= TWO_7;
  }
  if (zigzag > Number.MAX_SAFE_INTEGER) throw new RangeError('a variable-length integer is beyond 2^53');
  if (zigzag < TWO_31) return (zigzag >>> 1) ^ -(zigzag & 1);
  return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
}
