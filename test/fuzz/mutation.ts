/** Inputs do not grow beyond this, in bytes. */
const INPUT_BYTES_MAX = 16 * 1024;
const MUTATIONS_MAX = 4;
/** One input of so many is random from end to end, one is a sample as it is: that has to be taken or refused as well. */
const RANDOM_EVERY = 12;
const WHOLE_EVERY = 12;
const RANDOM_BYTES_MAX = 200;

/** Big-endian numbers at which lengths, counts and offsets go wrong. */
const EXTREMES = [
  'ffffffff',
  '7fffffff',
  '80000000',
  '00000000',
  'fffffffe',
  '00ffffff',
  '7fff',
  '8000',
  'ffff',
  '0000',
  '7fffffffffffffff',
  '8000000000000000',
  'ffffffffffffffff',
].map((hex) => Buffer.from(hex, 'hex'));

/** Variable-length numbers, zigzag where their reader takes them so: 2^31, 2^40, 2^63, -1, -2, -2^20, and one without an end. */
const VARINTS = [
  '8080808010',
  '808080808080808001',
  'ffffffffffffffffff01',
  'feffffffffffffffff01',
  '01',
  '03',
  'ffff7f',
  'ffffffffffffffffffffffffff',
].map((hex) => Buffer.from(hex, 'hex'));

type Mutate = (bytes: Buffer, random: Draw, other: Buffer) => Buffer;
/** A whole number from 0 to below `below`. */
type Draw = (below: number) => number;

const MUTATIONS: readonly Mutate[] = [
  (bytes, draw) => overwrite(bytes, draw, (byte) => byte ^ (1 << draw(8))),
  (bytes, draw) => overwrite(bytes, draw, () => draw(256)),
  (bytes, draw) => bytes.subarray(0, draw(bytes.length + 1)),
  (bytes, draw) => replace(bytes, draw(bytes.length + 1), 0, randomBytes(draw, 1 + draw(8))),
  (bytes, draw) => replace(bytes, draw(bytes.length + 1), 1 + draw(8), Buffer.alloc(0)),
  (bytes, draw) => put(bytes, draw, pick(EXTREMES, draw)),
  (bytes, draw) => put(bytes, draw, Buffer.from(pick(EXTREMES, draw)).reverse()),
  (bytes, draw) => replace(bytes, draw(bytes.length + 1), draw(3), pick(VARINTS, draw)),
  duplicate,
  swap,
  (bytes, draw, other) =>
    Buffer.concat([bytes.subarray(0, draw(bytes.length + 1)), other.subarray(draw(other.length + 1))]),
];

/** A damaged copy of one of the samples, or random bytes: the same for the same numbers. */
export function mutated(samples: readonly Buffer[], random: () => number): Buffer {
  const draw: Draw = (below) => Math.floor(random() * below);
  if (draw(RANDOM_EVERY) === 0) return randomBytes(draw, draw(RANDOM_BYTES_MAX));
  let bytes = Buffer.from(pick(samples, draw));
  const count = draw(WHOLE_EVERY) === 0 ? 0 : 1 + draw(MUTATIONS_MAX);
  for (let left = count; left > 0; left--)
    bytes = Buffer.from(pick(MUTATIONS, draw)(bytes, draw, pick(samples, draw)).subarray(0, INPUT_BYTES_MAX));
  return bytes;
}

function pick<T>(items: readonly T[], draw: Draw): T {
  const item = items[draw(items.length)];
  if (item === undefined) throw new RangeError('there is nothing to pick from');
  return item;
}

function randomBytes(draw: Draw, count: number): Buffer {
  return Buffer.from(Array.from({ length: count }, () => draw(256)));
}

function overwrite(bytes: Buffer, draw: Draw, change: (byte: number) => number): Buffer {
  if (bytes.length === 0) return bytes;
  const at = draw(bytes.length);
  bytes[at] = change(bytes[at] ?? 0);
  return bytes;
}

function replace(bytes: Buffer, at: number, count: number, by: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), by, bytes.subarray(at + count)]);
}

function put(bytes: Buffer, draw: Draw, by: Buffer): Buffer {
  return replace(bytes, draw(bytes.length + 1), by.length, by);
}

function slice(bytes: Buffer, draw: Draw): readonly [start: number, end: number] {
  const start = draw(bytes.length + 1);
  return [start, start + draw(bytes.length - start + 1)];
}

function duplicate(bytes: Buffer, draw: Draw): Buffer {
  const [start, end] = slice(bytes, draw);
  return replace(bytes, draw(bytes.length + 1), 0, Buffer.from(bytes.subarray(start, end)));
}

/** Two neighbouring slices change places. */
function swap(bytes: Buffer, draw: Draw): Buffer {
  const [start, end] = slice(bytes, draw);
  const middle = start + draw(end - start + 1);
  return Buffer.concat([
    bytes.subarray(0, start),
    bytes.subarray(middle, end),
    bytes.subarray(start, middle),
    bytes.subarray(end),
  ]);
}
