import { expect, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { decimal } from '../../../schemas/decimal.ts';
import { fromPlainJson } from '../../../schemas/serde/from-plain-json.ts';
import { toPlainJson } from '../../../schemas/serde/plain-json.ts';

const money = { type: 'bytes', logicalType: 'decimal', precision: 18, scale: 2 } as const;
const place = {
  type: 'record',
  name: 'Place',
  namespace: 'shop',
  fields: [{ name: 'x', type: 'double' }],
} as const;
const all: AvroSchema = {
  type: 'record',
  name: 'All',
  fields: [
    { name: 'small', type: 'long' },
    { name: 'large', type: ['null', 'long'] },
    { name: 'amount', type: money },
    { name: 'raw', type: 'bytes' },
    { name: 'from', type: place },
    { name: 'to', type: ['null', 'shop.Place'], default: null },
    { name: 'tags', type: { type: 'map', values: { type: 'array', items: ['null', 'long', 'string'] } } },
  ],
};
const value = {
  small: -3n,
  large: 2n ** 63n - 1n,
  amount: decimal('-12.50'),
  raw: Buffer.from([0, 255]),
  from: { x: Number.NaN },
  to: null,
  tags: { a: ['7', 7n, null] },
};
const json = {
  small: -3,
  large: '9223372036854775807',
  amount: '-12.50',
  raw: 'AP8=',
  from: { x: 'NaN' },
  to: null,
  tags: { a: ['7', 7, null] },
};

test('every value is written so that no digit is lost', () => {
  expect(toPlainJson(all, value)).toEqual(json);
});

test('what was written is read as the same value, with defaults for fields that are left out', () => {
  const { tags: _, to: __, ...rest } = json;
  expect(fromPlainJson(all, { ...rest, tags: { a: ['x', 7, null] } })).toEqual({
    ...value,
    tags: { a: ['x', 7n, null] },
  });
});

test.each([
  ['long', 1.5, 'the value is no long'],
  ['long', 2 ** 53, 'the value is no long'],
  ['long', '9223372036854775808', 'the value is no long'],
  ['int', 2 ** 31, 'the value is no int'],
  [money, '1.005', 'the value is no decimal'],
  [place, { x: 1, y: 2 }, 'the value has no field y'],
  [place, {}, 'the value lacks the field x'],
  [place, { x: 'a' }, 'x is no double'],
  [['null', 'int'], 'a', 'the value fits no branch of its union'],
] as const)('%j does not take %j', (schema, bad, message) => {
  expect(() => fromPlainJson(schema as AvroSchema, bad)).toThrow(message);
});
