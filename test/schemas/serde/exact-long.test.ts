import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileType } from '../../../schemas/serde/avro-type.ts';

const type = compileType('long');
const LIMITS = [6, 7, 13, 14, 27, 28, 31, 32, 34, 48, 49, 51, 52, 53, 62, 63].flatMap((bits) => [
  2n ** BigInt(bits) - 1n,
  -(2n ** BigInt(bits)),
  ...(bits === 63 ? [] : [2n ** BigInt(bits), -(2n ** BigInt(bits)) - 1n]),
]);

/** The varint of the Avro specification, bit by bit. */
function specified(value: bigint): Buffer {
  const bytes: number[] = [];
  let bits = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n));
  for (; bits >= 0x80n; bits >>= 7n) bytes.push(Number(bits & 0x7fn) | 0x80);
  bytes.push(Number(bits));
  return Buffer.from(bytes);
}

test.each([0n, -1n, ...LIMITS])('the long %s is its bytes, and they are it', (value) => {
  expect(type.toBuffer(value)).toEqual(specified(value));
  expect(type.fromBuffer(specified(value))).toBe(value);
});

test('any long is its bytes, and they are it', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(type.toBuffer(value)).toEqual(specified(value));
      expect(type.fromBuffer(specified(value))).toBe(value);
    }),
  );
});

test('what is no long of 64 bits is refused', () => {
  for (const value of [2n ** 63n, -(2n ** 63n) - 1n, 1, '1', null])
    expect(() => type.toBuffer(value)).toThrow();
  expect(() => type.fromBuffer(Buffer.alloc(11, 0x80))).toThrow('more than ten bytes');
  expect(() => type.fromBuffer(Buffer.from([0x80]))).toThrow('truncated');
});

test('a buffer that is too short is told by how much', () => {
  const { length } = specified(2n ** 40n);
  expect(type.encode(2n ** 40n, Buffer.alloc(2))).toBe(2 - length);
});

test('a nested long and one of a narrower writer are exact too', () => {
  const record = compileType({ type: 'record', name: 'R', fields: [{ name: 'at', type: ['null', 'long'] }] });
  const value = { at: -(2n ** 55n) };
  expect(record.fromBuffer(record.toBuffer(value))).toEqual(value);
  const resolver = type.createResolver(compileType('int'));
  expect(type.fromBuffer(compileType('int').toBuffer(-7), resolver)).toBe(-7n);
});
