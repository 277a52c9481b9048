import { expect, test } from 'vitest';
import type { AvroField, AvroSchema } from '../../../schemas/avro-schema.ts';
import { targetType } from '../../../connectors/postgres-sink/target-type.ts';

const field = (type: unknown, pgType?: string): AvroField => ({
  name: 'f',
  type: type as AvroSchema,
  ...(pgType === undefined ? {} : { 'pg.type': pgType }),
});
const logical = (type: string, logicalType: string, more: object = {}): unknown => ({
  type,
  logicalType,
  ...more,
});

test.each<[unknown, string, unknown, string]>([
  ['boolean', 'boolean', true, 'true'],
  ['int', 'integer', -2_147_483_648, '-2147483648'],
  ['long', 'bigint', -9_223_372_036_854_775_808n, '-9223372036854775808'],
  ['long', 'bigint', 9_223_372_036_854_775_807n, '9223372036854775807'],
  ['float', 'double precision', 0.5, '0.5'],
  ['double', 'double precision', 5e-324, '5e-324'],
  ['double', 'double precision', Number.NaN, 'NaN'],
  ['double', 'double precision', Number.NEGATIVE_INFINITY, '-Infinity'],
  ['double', 'double precision', -0, '-0'],
  ['string', 'text', 'a"\\,{}', 'a"\\,{}'],
  ['bytes', 'bytea', Buffer.from([0, 255]), '\\x00ff'],
  [
    logical('string', 'uuid'),
    'uuid',
    '0b2ee1c4-0000-0000-0000-000000000001',
    '0b2ee1c4-0000-0000-0000-000000000001',
  ],
  [
    logical('bytes', 'decimal', { precision: 38, scale: 4 }),
    'numeric(38,4)',
    { unscaled: -5n, scale: 4 },
    '-0.0005',
  ],
  [logical('int', 'date'), 'date', -1, '1969-12-31'],
  [logical('int', 'time-millis'), 'time without time zone', 1, '00:00:00.001000'],
  [logical('long', 'time-micros'), 'time without time zone', 1n, '00:00:00.000001'],
  [logical('long', 'timestamp-micros'), 'timestamp with time zone', -1n, '1969-12-31 23:59:59.999999+00'],
  [logical('long', 'timestamp-millis'), 'timestamp with time zone', -1n, '1969-12-31 23:59:59.999000+00'],
  [logical('long', 'local-timestamp-micros'), 'timestamp without time zone', 0n, '1970-01-01 00:00:00'],
  [
    logical('long', 'local-timestamp-millis'),
    'timestamp without time zone',
    1n,
    '1970-01-01 00:00:00.001000',
  ],
  [logical('string', 'of somebody'), 'text', 'x', 'x'],
])('%j becomes %s', (type, sql, value, text) => {
  for (const schema of [type, ['null', type], [type, 'null']]) {
    const target = targetType(field(schema));
    expect(target.sql).toBe(sql);
    expect(target.text(value)).toBe(text);
  }
});

test.each<[unknown, string, string, string]>([
  ['int', 'smallint', 'smallint', 'smallint'],
  ['long', 'oid', 'oid', 'oid'],
  ['float', 'real', 'real', 'real'],
  ['string', 'character varying(20)', 'character varying', 'character varying'],
  ['string', 'character(3)', 'bpchar', 'bpchar'],
  ['string', 'numeric(60,3)', 'numeric', 'numeric'],
  ['string', 'jsonb', 'jsonb', 'jsonb'],
  ['string', 'interval', 'interval', 'interval'],
  ['string', 'time(3) with time zone', 'time with time zone', 'time with time zone'],
  ['string', 'integer[]', 'integer[]', 'text'],
  ['string', 'character varying(9)[]', 'character varying[]', 'text'],
])('%s from a source column of %s keeps that type', (type, declared, sql, parameter) => {
  expect(targetType(field(type, declared))).toMatchObject({ sql, parameter });
});

test.each<[unknown, string, string]>([
  ['string', 'sales.order_state', 'text'],
  ['string', '"odd type"', 'text'],
  ['string', 'text; DROP TABLE t', 'text'],
  ['int', 'text', 'integer'],
  ['double', 'numeric(10,2)', 'double precision'],
  [logical('bytes', 'decimal', { precision: 10, scale: 2 }), 'numeric(12,1)', 'numeric(10,2)'],
])('%j declared as %s falls back to %s', (type, declared, sql) => {
  expect(targetType(field(type, declared)).sql).toBe(sql);
});

test('nested values are jsonb, with every digit of their numbers', () => {
  const nested: AvroSchema = {
    type: 'record',
    name: 'Line',
    fields: [
      { name: 'id', type: 'long' },
      { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 30, scale: 2 } },
      { name: 'at', type: ['null', { type: 'long', logicalType: 'timestamp-micros' }] },
      { name: 'tags', type: { type: 'map', values: { type: 'array', items: 'string' } } },
      { name: 'ratio', type: 'double' },
      { name: 'none', type: ['null', 'int'] },
      { name: 'raw', type: 'bytes' },
    ],
  };
  const target = targetType(field({ type: 'array', items: nested }));
  expect(target.sql).toBe('jsonb');
  const line = {
    id: 9_007_199_254_740_993n,
    price: { unscaled: 12_345_678_901_234_567_890n, scale: 2 },
    at: 1n,
    tags: { 'a"': ['x', 'y'] },
    ratio: Number.NaN,
    none: null,
    raw: Buffer.from([1]),
  };
  expect(target.text([line])).toBe(
    '[{"id":9007199254740993,"price":123456789012345678.90,"at":"1970-01-01 00:00:00.000001+00",' +
      '"tags":{"a\\"":["x","y"]},"ratio":"NaN","none":null,"raw":"\\\\x01"}]',
  );
});

test('a union of several types is jsonb of whichever branch is there', () => {
  const target = targetType(field(['null', 'string', 'long', 'boolean']));
  expect(target.sql).toBe('jsonb');
  expect(['x', 9_007_199_254_740_993n, false].map(target.text)).toEqual(['"x"', '9007199254740993', 'false']);
});

test('a union whose branches are wrapped by name is unwrapped', () => {
  const target = targetType(field(['int', 'long']));
  expect(target.text({ long: 5n })).toBe('5');
});

test('a type that has no column is named with its field', () => {
  expect(() => targetType(field('null'))).toThrow(/field f has the Avro type null/);
});
