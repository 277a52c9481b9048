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

const nullable = (type: unknown): unknown => ['null', type];
const list = (items: unknown): unknown => ({ type: 'array', items: nullable(items) });
const recordOf = (...fields: [string, unknown][]): unknown => ({
  type: 'record',
  name: 'r',
  fields: fields.map(([name, type]) => ({ name, type })),
});
const DECIMAL = logical('bytes', 'decimal', { precision: 10, scale: 2 });
const POINT = recordOf(['x', 'double'], ['y', 'double']);

test.each<[unknown, string, string, string?]>([
  ['boolean', 'bit(1)', 'text', 'bit(1)'],
  ['int', 'smallint', 'smallint'],
  ['long', 'oid', 'oid'],
  ['long', 'xid', 'xid'],
  ['float', 'real', 'real'],
  [DECIMAL, 'money', 'money'],
  [logical('bytes', 'decimal', { precision: 5, scale: 0 }), 'numeric(3,-2)', 'numeric'],
  [logical('bytes', 'decimal', { precision: 4, scale: 4 }), 'numeric(2,4)', 'numeric'],
  [logical('bytes', 'decimal', { precision: 38, scale: 6 }), 'numeric', 'numeric'],
  [logical('bytes', 'decimal', { precision: 38, scale: 2 }), 'numeric(10,4)', 'numeric'],
  [logical('long', 'timestamp-micros'), 'timestamp without time zone', 'timestamp without time zone'],
  [logical('long', 'time-micros'), 'time(3) without time zone', 'time without time zone'],
  ['string', 'character varying(20)', 'character varying'],
  ['string', 'character(3)', 'bpchar'],
  ['string', 'bit(5)', 'text', 'bit(5)'],
  ['string', 'numeric(60,3)', 'numeric'],
  ['string', 'jsonb', 'jsonb'],
  ['string', '"char"', 'text', '"char"'],
  ['string', 'interval day to second(3)', 'interval'],
  ['string', 'time(3) with time zone', 'time with time zone'],
  ['string', 'integer[]', 'text', 'integer[]'],
  ['string', 'character varying(9)[]', 'text', 'character varying[]'],
  ['string', 'box', 'text', 'box'],
  [list('int'), 'smallint[]', 'text', 'smallint[]'],
  [list(DECIMAL), 'numeric(10,2)[]', 'text', 'numeric[]'],
  [list(POINT), 'point[]', 'text', 'point[]'],
  [POINT, 'point', 'point'],
])('%j from a source column of %s keeps that type', (type, declared, parameter, cast) => {
  expect(targetType(field(type, declared))).toMatchObject({
    sql: declared,
    parameter,
    cast: cast ?? parameter,
  });
});

test.each<[unknown, string, string, string]>([
  ['string', 'sales.order_state', 'sales.order_state', 'text'],
  ['string', '"S p"."odd ""type"[]', '"S p"."odd ""type"[]', 'text'],
  [DECIMAL, 'public.price', 'public.price', 'numeric(10,2)'],
  [list(DECIMAL), 'public.price[]', 'public.price[]', 'numeric(10,2)[]'],
  [list(logical('int', 'date')), 'public.days', 'public.days', 'date[]'],
  [{ type: 'array', items: 'float' }, 'public.vector(3)', 'public.vector', 'double precision[]'],
  [{ type: 'map', values: nullable('string') }, 'public.hstore', 'public.hstore', 'jsonb'],
  [recordOf(['a', nullable('int')]), 'public.address', 'public.address', 'jsonb'],
])('%j from a source column of %s keeps that type where the target has it', (type, declared, cast, sql) => {
  expect(targetType(field(type, declared))).toMatchObject({
    sql: declared,
    parameter: 'text',
    cast,
    instead: { sql },
  });
});

test.each<[unknown, string, unknown, string]>([
  ['boolean', 'bit(1)', true, '1'],
  [list('boolean'), 'boolean[]', [true, false, null], '{"1","0",NULL}'],
  [list('string'), 'text[]', ['', 'NULL', 'a"\\b'], '{"","NULL","a\\"\\\\b"}'],
  [list('string'), 'box[]', ['(3,4),(1,2)', '(1,1),(0,0)'], '{"(3,4),(1,2)";"(1,1),(0,0)"}'],
  [list(DECIMAL), 'money[]', [{ unscaled: -5n, scale: 2 }], '{"-0.05"}'],
  [POINT, 'point', { x: Number.NaN, y: -0 }, '(NaN,-0)'],
  [{ type: 'array', items: 'float' }, 'public.vector', [1, 2.5], '[1,2.5]'],
  [list('float'), 'real[]', [1, 2.5], '{"1","2.5"}'],
  [
    { type: 'map', values: nullable('string') },
    'public.hstore',
    { a: null, 'b"': 'c' },
    '"a"=>NULL,"b\\""=>"c"',
  ],
  [
    recordOf(['dim', 'int'], ['indices', { type: 'array', items: 'int' }], ['values', 'x']),
    'public.sparsevec',
    { dim: 5, indices: [1, 3], values: [1.5, 2] },
    '{1:1.5,3:2}/5',
  ],
  [
    recordOf(['street', nullable('string')], ['no', nullable('int')], ['flag', nullable('boolean')]),
    'public.address',
    { street: 'Main "St", 1', no: null, flag: false },
    '("Main \\"St\\", 1",,"0")',
  ],
])('%j becomes the text that %s reads', (type, declared, value, text) => {
  expect(targetType(field(type, declared)).text(value)).toBe(text);
});

test.each([
  ['0101000000000000000000f03f0000000000000040', '0101000020e6100000000000000000f03f0000000000000040'],
  ['00000000013ff00000000000004000000000000000', '0020000001000010e63ff00000000000004000000000000000'],
])('well-known binary %s gets its SRID back', (wkb, ewkb) => {
  const geometry = targetType(
    field(recordOf(['srid', nullable('int')], ['wkb', 'bytes']), 'public.geometry'),
  );
  expect(geometry.text({ srid: 4326, wkb: Buffer.from(wkb, 'hex') })).toBe(ewkb);
  expect(geometry.text({ srid: null, wkb: Buffer.from(wkb, 'hex') })).toBe(wkb);
});

test('a special value in a column of jsonb is a JSON string, elsewhere its text', () => {
  expect(targetType(field(list('int'))).special?.('{{1}}')).toBe('"{{1}}"');
  expect(targetType(field(list('int'), 'integer[]')).special).toBeUndefined();
});

test.each<[unknown, string, string]>([
  ['string', '"odd type"', 'text'],
  ['string', 'regclass', 'text'],
  ['string', 'public.t; DROP TABLE t', 'text'],
  ['string', "public.vector(3') --", 'text'],
  ['string', 'text; DROP TABLE t', 'text'],
  ['int', 'text', 'integer'],
  ['double', 'numeric(10,2)', 'double precision'],
  [logical('bytes', 'decimal', { precision: 10, scale: 2 }), 'numeric(12,1)', 'numeric(10,2)'],
  [list('int'), 'integer', 'jsonb'],
  [list('int'), 'text[]', 'jsonb'],
  [{ type: 'map', values: 'string' }, 'text', 'jsonb'],
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
