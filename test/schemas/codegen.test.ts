import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { AvroField, AvroRecord, AvroSchema } from '../../schemas/avro-schema.ts';
import { type SchemaFile, generateTypes } from '../../schemas/codegen.ts';
import { decimal } from '../../schemas/decimal.ts';
import { expectedModule } from '../../schemas/generate.ts';
import { compileType } from '../../schemas/serde/avro-type.ts';

const record = (name: string, ...fields: readonly AvroField[]): AvroRecord => ({
  type: 'record',
  name,
  namespace: 'shop',
  fields,
});

const moduleOf = (...files: readonly (readonly [string, AvroRecord])[]): string =>
  generateTypes(
    files.map(([name, schema]) => ({ name, schema })),
    '',
  );

/** The type of the only field of a file. */
function textOf(type: AvroSchema): string {
  const text = moduleOf(['row', record('Row', { name: 'field', type })]);
  return /readonly field: (.*);/.exec(text)?.[1] ?? '';
}

test('the generated types are what the .avsc files say (npm run schemas:types)', () => {
  const { target, text } = expectedModule();
  expect(readFileSync(target, 'utf8')).toBe(text);
  expect(expectedModule().text).toBe(text);
});

test('a field keeps its aliases, by which a reader knows it under other names', () => {
  const text = moduleOf(['row', record('Row', { name: 'segment', aliases: ['market'], type: 'string' })]);
  expect(text).toContain('"aliases":["market"]');
  expect(text).toContain('readonly segment: string;');
});

const colour: AvroSchema = { type: 'enum', name: 'Colour', symbols: ['RED', 'GREEN'] };
const hash: AvroSchema = { type: 'fixed', name: 'Hash', size: 2 };
const money: AvroSchema = {
  type: 'fixed',
  name: 'Money',
  size: 8,
  logicalType: 'decimal',
  precision: 18,
  scale: 2,
};
const price: AvroSchema = { type: 'bytes', logicalType: 'decimal', precision: 4, scale: 2 };
const line = record('Line', { name: 'sku', type: 'string' });
const long = (logicalType: string): AvroSchema => ({ type: 'long', logicalType });
const int = (logicalType: string): AvroSchema => ({ type: 'int', logicalType });

/** An Avro type, its TypeScript type, and values that it holds, as they come out of bytes again. */
const types: readonly (readonly [string, AvroSchema, string, readonly unknown[]])[] = [
  ['a long', 'long', 'bigint', [2n ** 63n - 1n]],
  ['a decimal', ['null', price], 'Decimal | null', [decimal('1.20'), null]],
  ['a decimal in a fixed', money, 'Decimal', [decimal('-1.20'), decimal('0.00')]],
  ['an enum', colour, 'Colour', ['RED', 'GREEN']],
  ['a fixed', hash, 'Buffer', [Buffer.from([1, 2])]],
  ['bytes', 'bytes', 'Buffer', [Buffer.from([1])]],
  ['an array', { type: 'array', items: ['null', 'string'] }, 'readonly (string | null)[]', [['a', null]]],
  ['an array of records', { type: 'array', items: line }, 'readonly Line[]', [[{ sku: 'a' }]]],
  ['a map', { type: 'map', values: 'double' }, 'Readonly<Record<string, number>>', [{ a: 0.5 }]],
  [
    'a map of maps',
    { type: 'map', values: { type: 'map', values: 'long' } },
    'Readonly<Record<string, Readonly<Record<string, bigint>>>>',
    [{ a: { b: 1n } }],
  ],
  ['a nested record', line, 'Line', [{ sku: 'a' }]],
  ['a date', int('date'), 'EpochDays', [19_000]],
  ['a time in milliseconds', int('time-millis'), 'TimeMillis', [1]],
  ['a time in microseconds', long('time-micros'), 'TimeMicros', [1n]],
  ['a timestamp in milliseconds', long('timestamp-millis'), 'TimestampMillis', [1n]],
  [
    'a timestamp in microseconds',
    ['null', long('timestamp-micros')],
    'TimestampMicros | null',
    [2n ** 62n, null],
  ],
  ['a timestamp in nanoseconds', long('timestamp-nanos'), 'TimestampNanos', [1n]],
  ['a local timestamp in milliseconds', long('local-timestamp-millis'), 'LocalTimestampMillis', [1n]],
  ['a local timestamp in microseconds', long('local-timestamp-micros'), 'LocalTimestampMicros', [1n]],
  ['a local timestamp in nanoseconds', long('local-timestamp-nanos'), 'LocalTimestampNanos', [1n]],
  ['a uuid', { type: 'string', logicalType: 'uuid' }, 'string', ['a']],
  ['a logical type that is unknown', long('ticks'), 'bigint', [1n]],
  [
    'a union whose values tell the branch',
    ['null', 'string', 'long', 'int', price],
    'string | bigint | number | Decimal | null',
    ['a', 1n, 1, decimal('0.10'), null],
  ],
  [
    'a union whose values do not',
    ['null', 'int', 'double'],
    '{ readonly "int": number } | { readonly "double": number } | null',
    [{ int: 1 }, { double: 0.5 }, null],
  ],
  [
    'a union of records',
    [line, record('Box', { name: 'size', type: 'int' })],
    '{ readonly "shop.Line": Line } | { readonly "shop.Box": Box }',
    [{ 'shop.Line': { sku: 'a' } }, { 'shop.Box': { size: 1 } }],
  ],
  [
    'a union of an enum and a text',
    [colour, 'string'],
    '{ readonly "shop.Colour": Colour } | { readonly "string": string }',
    [{ 'shop.Colour': 'RED' }, { string: 'x' }],
  ],
];

describe('the type of', () => {
  test.each(types)('%s', (_what, schema, text, values) => {
    expect(textOf(schema)).toBe(text);
    const compiled = compileType(record('Row', { name: 'field', type: schema }));
    for (const field of values)
      expect(JSON.stringify(compiled.fromBuffer(compiled.toBuffer({ field })), exact)).toBe(
        JSON.stringify({ field }, exact),
      );
  });
});

/** Bigints as text that no number has. */
const exact = (_: string, value: unknown): unknown => (typeof value === 'bigint' ? `${value}n` : value);

test('a decimal that does not go into its fixed is refused', () => {
  const compiled = compileType({ ...money, size: 1 } as AvroSchema);
  expect(() => compiled.toBuffer(decimal('1.28'))).toThrow('invalid');
  expect(compiled.toBuffer(decimal('1.27'))).toEqual(Buffer.from([127]));
});

test('records and enums inside a file come before it, with their docs, once', () => {
  const text = moduleOf([
    'wide-row',
    record(
      'Row',
      { name: 'first', type: { ...line, doc: 'One article.' }, doc: 'The first.' },
      { name: 'rest', type: { type: 'array', items: 'Line' } as unknown as AvroSchema },
      { name: 'colour', type: { ...colour, doc: 'Of the box.' } },
    ),
  ]);
  expect(text.split('\n').filter((row) => !row.includes('export const'))).toEqual([
    "import type { Schema } from '../schema.ts';",
    '',
    '/** One article. */',
    'export interface Line {',
    '  readonly sku: string;',
    '}',
    '',
    '/** Of the box. */',
    "export type Colour = 'RED' | 'GREEN';",
    '',
    'export interface WideRow {',
    '  /** The first. */',
    '  readonly first: Line;',
    '  readonly rest: readonly Line[];',
    '  readonly colour: Colour;',
    '}',
    '',
    '',
  ]);
  expect(text).toContain('export const wideRowSchema: Schema<WideRow> = {');
  expect(text).toContain('"items":"shop.Line"');
});

test('a record may hold itself', () => {
  const text = moduleOf(['node', record('Node', { name: 'next', type: ['null', 'shop.Node'] })]);
  expect(text).toContain('export interface Node {\n  readonly next: Node | null;\n}');
});

test('only what is used is imported', () => {
  const text = moduleOf([
    'row',
    record(
      'Row',
      { name: 'a', type: price },
      { name: 'b', type: long('timestamp-micros') },
      { name: 'c', type: int('date') },
    ),
  ]);
  expect(text.split('\n').slice(0, 4)).toEqual([
    "import type { Decimal } from '../decimal.ts';",
    "import type { Schema } from '../schema.ts';",
    "import type { EpochDays, TimestampMicros } from '../time-units.ts';",
    '',
  ]);
});

test('a type that two files define alike is there once, and one that they define otherwise is refused', () => {
  const holding = (inner: AvroRecord): AvroRecord => record('Row', { name: 'line', type: inner });
  const text = moduleOf(['a', holding(line)], ['b', holding(line)]);
  expect(text.split('export interface Line {')).toHaveLength(2);
  const other = record('Line', { name: 'sku', type: 'int' });
  expect(() => moduleOf(['a', holding(line)], ['b', holding(other)])).toThrow('would be called Line');
});

test.each([['shop.Missing' as const], ['Missing.Too' as const]])(
  'a name that nothing has is refused: %s',
  (name) => {
    expect(() => textOf(name)).toThrow('no TypeScript type');
  },
);

describe('a key', () => {
  const key = (namespace: string, named?: string): AvroRecord => ({
    type: 'record',
    name: 'Key',
    namespace,
    ...(named === undefined ? {} : { 'millrace.key': named }),
    fields: [{ name: 'id', type: 'long' }],
  });
  const generated = (...files: readonly SchemaFile[]): string => generateTypes(files, '');
  const orders: SchemaFile = { name: 'order-key', schema: key('orders') };

  test('identifies what its record is called, or what millrace.key says, and its bytes do not', () => {
    const text = generated(orders, { name: 'shipment-key', schema: key('shipments', 'orders.Key') });
    expect(text).toContain("import type { Key } from '../key.ts';\nimport type { Schema }");
    expect(text).toContain(
      "export interface OrderKey extends Key<'orders.Key'> {\n  readonly id: bigint;\n}",
    );
    expect(text).toContain("export interface ShipmentKey extends Key<'orders.Key'> {");
    expect(text).toContain(`Schema<ShipmentKey> = { avro: ${JSON.stringify(key('shipments'))} }`);
  });

  test('that is no record is called what millrace.key says', () => {
    const id = { name: 'cart-key', schema: { type: 'string', 'millrace.key': 'cart' } } as const;
    const uuid = { type: 'string', logicalType: 'uuid' } as const;
    const text = generated(id, { name: 'user-key', schema: { ...uuid, 'millrace.key': 'user' } });
    expect(text).toContain("export type CartKey = Key<'cart', string>;\n");
    expect(text).toContain('Schema<CartKey> = { avro: "string" }');
    expect(text).toContain("export type UserKey = Key<'user', string>;\n");
    expect(text).toContain(`Schema<UserKey> = { avro: ${JSON.stringify(uuid)} }`);
    for (const name of ['cart-key', 'cart'])
      expect(() => generated({ name, schema: { type: 'string' } })).toThrow('"millrace.key"');
  });

  test('of things that have no key is refused, and so is one behind another one', () => {
    const shipments: SchemaFile = { name: 'shipment-key', schema: key('shipments', 'orders.Key') };
    expect(() => generated(shipments)).toThrow('orders.Key');
    const parcels: SchemaFile = { name: 'parcel-key', schema: key('parcels', 'shipments.Key') };
    expect(() => generated(orders, shipments, parcels)).toThrow('there are orders.Key');
  });
});
