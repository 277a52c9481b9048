import { Type } from 'avsc';
import { expect, test } from 'vitest';
import type { AvroSchema } from '../../schemas/avro-schema.ts';
import { recordReader, valueText } from './avro-text.ts';

const nullable = (type: unknown): AvroSchema => ['null', type] as AvroSchema;
const decimal = { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 };

const SCHEMA = {
  type: 'record',
  name: 'Row',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'flag', type: nullable('boolean') },
    { name: 'total', type: nullable('double') },
    { name: 'amount', type: nullable(decimal) },
    { name: 'raw', type: nullable('bytes') },
    { name: 'odd_name', type: nullable('string'), 'pg.name': 'odd name' },
    { name: 'tags', type: nullable({ type: 'array', items: ['null', 'string'] }) },
    { name: 'small', type: 'int' },
  ],
} as unknown as AvroSchema;

/** Bytes by another library than ours. */
const encoded = (row: unknown): Buffer =>
  Type.forSchema(SCHEMA as never, { wrapUnions: false }).toBuffer(row);

test('what another encoder wrote is told as Postgres would print it', () => {
  const reader = recordReader(SCHEMA);
  const row = {
    id: -1_234_567_890_123,
    flag: true,
    total: -1.5,
    amount: Buffer.from([0xff, 0x38]),
    raw: Buffer.from([0, 255]),
    odd_name: "it's 🚀",
    tags: ['a', null],
    small: -3,
  };
  expect(reader.read(encoded(row)).map(valueText)).toEqual([
    '-1234567890123',
    'true',
    'bff8000000000000',
    '-2.00',
    '00ff',
    "it's 🚀",
    '["a",null]',
    '-3',
  ]);
  expect(reader.fields[5]).toEqual({ field: 'odd_name', column: 'odd name' });
});

test('nulls stay nulls, and small decimals have all of their digits', () => {
  const row = {
    id: 0,
    flag: null,
    total: null,
    amount: Buffer.from([5]),
    raw: null,
    odd_name: '',
    tags: [],
    small: 0,
  };
  expect(recordReader(SCHEMA).read(encoded(row)).map(valueText)).toEqual([
    '0',
    null,
    null,
    '0.05',
    null,
    '',
    '[]',
    '0',
  ]);
});

test('bytes that are no such record are refused', () => {
  const row = {
    id: 1,
    flag: null,
    total: null,
    amount: null,
    raw: null,
    odd_name: 'x',
    tags: null,
    small: 1,
  };
  const bytes = encoded(row);
  expect(() => recordReader(SCHEMA).read(Buffer.concat([bytes, Buffer.from([0])]))).toThrow('follow');
  expect(() => recordReader(SCHEMA).read(bytes.subarray(0, -2))).toThrow('ends');
});
