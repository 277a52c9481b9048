import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { incompatibilities } from '../../../schemas/contract/compatibility.ts';
import { breaksOf, keyBreaksOf } from '../../../schemas/contract/compatibility-level.ts';
import { decimal } from '../../../schemas/decimal.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';
import { CASES } from './compatibility-cases.ts';

const typesOf = (reader: AvroSchema, writer: AvroSchema): readonly string[] =>
  incompatibilities(reader, writer).map(({ type }) => type);

describe('what stands in the way when', () => {
  test.each(CASES)('$name', ({ before, now, backward, forward }) => {
    expect(typesOf(now, before)).toEqual(backward);
    expect(typesOf(before, now)).toEqual(forward);
    expect(typesOf(now, now)).toEqual([]);
  });

  test.each(CASES)('$name: readers agree', ({ before, now, backward, forward }) => {
    const resolve = (reader: AvroSchema, writer: AvroSchema): unknown =>
      compileType(reader).createResolver(compileType(writer));
    for (const [reader, writer, found] of [
      [now, before, backward],
      [before, now, forward],
    ] as const)
      if (found.length === 0) resolve(reader, writer);
      // A reader does not look at units of time.
      else if (found[0] !== 'LOGICAL_TYPE_MISMATCH') expect(() => resolve(reader, writer)).toThrow();
  });
});

interface Kind {
  readonly type: (name: string) => unknown;
  readonly values: fc.Arbitrary<unknown>;
  readonly default: unknown;
}

const symbols = fc.constantFrom('RED', 'BLUE');
const nullable = (type: unknown): unknown => ['null', type];
const price = { type: 'bytes', logicalType: 'decimal', precision: 9, scale: 2 };

/** Types with values that they hold, and a default. */
const KINDS: readonly Kind[] = [
  { type: () => 'boolean', values: fc.boolean(), default: false },
  { type: () => 'int', values: fc.integer(), default: 1 },
  { type: () => 'long', values: fc.bigInt(-(2n ** 53n) + 1n, 2n ** 53n - 1n), default: 1 },
  { type: () => 'float', values: fc.float({ noNaN: true }), default: 0.5 },
  { type: () => 'double', values: fc.double({ noNaN: true }), default: 0.5 },
  { type: () => 'string', values: fc.string(), default: '' },
  { type: () => 'bytes', values: fc.uint8Array().map((bytes) => Buffer.from(bytes)), default: '' },
  { type: () => nullable('int'), values: fc.option(fc.integer()), default: null },
  { type: () => nullable('double'), values: fc.option(fc.double({ noNaN: true })), default: null },
  { type: () => nullable('string'), values: fc.option(fc.string()), default: null },
  {
    type: () => nullable(price),
    values: fc.option(fc.integer({ min: -99_999, max: 99_999 }).map((cents) => decimal(`${cents}.25`))),
    default: null,
  },
  { type: () => nullable({ ...price, scale: 4 }), values: fc.constant(null), default: null },
  { type: (name) => ({ type: 'enum', name, symbols: ['RED', 'BLUE'] }), values: symbols, default: 'RED' },
  {
    type: (name) => ({ type: 'enum', name, symbols: ['RED'], default: 'RED' }),
    values: fc.constant('RED'),
    default: 'RED',
  },
  { type: (name) => ({ type: 'fixed', name, size: 1 }), values: fc.constant(Buffer.from([7])), default: 'a' },
  { type: () => ({ type: 'array', items: 'int' }), values: fc.array(fc.integer()), default: [] },
  { type: () => ({ type: 'array', items: nullable('double') }), values: fc.constant([]), default: [] },
  { type: () => ({ type: 'map', values: 'string' }), values: fc.constant({ a: 'b' }), default: {} },
];

const kind = fc.constantFrom(...KINDS);
const field = fc.tuple(
  kind,
  fc.option(kind, { freq: 2 }),
  fc.boolean(),
  fc.constantFrom('both', 'both', 'both', 'gone', 'new'),
);
const rows = fc.array(field, { minLength: 1, maxLength: 2 });

const record = (fields: readonly object[]): AvroSchema =>
  ({ type: 'record', name: 'Row', namespace: 'shop', fields }) as unknown as AvroSchema;

test('a schema is compatible with itself, and what the checker lets pass is read', () => {
  let read = 0;
  fc.assert(
    fc.property(rows, (fields) => {
      const written = fields.map(([before, , , when], i) => ({
        before,
        when,
        name: `f${i}`,
        place: `T${i}`,
      }));
      const writerFields = written.filter(({ when }) => when !== 'new');
      const writer = record(
        writerFields.map(({ before, name, place }) => ({ name, type: before.type(place) })),
      );
      const reader = record(
        fields.flatMap(([before, other, hasDefault, when], i) => {
          const now = other ?? before;
          const ending = hasDefault ? { default: now.default } : {};
          return when === 'gone' ? [] : [{ name: `f${i}`, type: now.type(`T${i}`), ...ending }];
        }),
      );
      expect(incompatibilities(reader, reader)).toEqual([]);
      if (incompatibilities(reader, writer).length > 0) return;
      read++;
      const values = fc.sample(
        fc.record(Object.fromEntries(writerFields.map((f) => [f.name, f.before.values]))),
        {
          numRuns: 3,
          seed: fields.length,
        },
      );
      const [readerType, writerType] = [compileType(reader), compileType(writer)];
      const resolver = readerType.createResolver(writerType);
      for (const value of values)
        expect(readerType.isValid(readerType.fromBuffer(writerType.toBuffer(value), resolver))).toBe(true);
    }),
    { numRuns: 3_000 },
  );
  expect(read).toBeGreaterThan(50);
});

describe('a level', () => {
  const row = (...names: readonly string[]): AvroSchema =>
    record(names.map((name) => ({ name, type: 'int', ...(name === 'id' ? {} : { default: 0 }) })));
  const versions = [
    { label: 'version 1', schema: record([{ name: 'id', type: 'string' }]) },
    { label: 'version 2', schema: row('id') },
  ];

  test('looks at the newest version, or at all of them where it is transitive', () => {
    expect(breaksOf(row('id', 'a'), versions, 'FULL')).toEqual([]);
    expect(breaksOf(row('id', 'a'), versions, 'BACKWARD_TRANSITIVE')).toMatchObject([
      {
        type: 'TYPE_MISMATCH',
        direction: 'BACKWARD',
        against: 'version 1',
        path: '/fields/0/type',
        field: 'id',
      },
    ]);
    expect(breaksOf(row('id', 'a'), versions, 'FULL_TRANSITIVE')).toHaveLength(2);
    expect(breaksOf('string', versions, 'NONE')).toEqual([]);
  });

  test('says where, what and what to do', () => {
    const must = record([
      { name: 'id', type: 'int' },
      { name: 'must', type: 'string' },
    ]);
    expect(breaksOf(must, versions, 'BACKWARD')).toMatchObject([
      {
        path: '/fields/1',
        message: 'field must: version 2 wrote no such field, which is not read as string without a default',
        fix: 'give it a default: "type": ["null", ..], "default": null',
      },
    ]);
    expect(breaksOf(row('a'), versions, 'FORWARD')).toMatchObject([
      { path: '/fields', field: 'id', fix: 'keep id: those who read it have no default for it' },
    ]);
  });

  test('lets keys have no other bytes, though every record is read', () => {
    const key = (name: string, ...fields: readonly object[]): AvroSchema =>
      ({ type: 'record', name, fields }) as unknown as AvroSchema;
    const id = { name: 'id', type: 'int' };
    const before = [{ label: 'version 1', schema: key('Key', id) }];
    const more = key('Key', id, { name: 'shop', type: 'string', default: '' });
    expect(breaksOf(more, before, 'FULL')).toEqual([]);
    expect(keyBreaksOf(more, before, 'FULL')).toMatchObject([{ type: 'KEY_BYTES_CHANGED' }]);
    expect(keyBreaksOf(key('Key', { name: 'id', type: 'long' }), before, 'BACKWARD')).toEqual([]);
  });
});
