import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnType } from '../../../../connectors/postgres-source/types/column-codec.ts';
import { codecUnder, decodedBy } from '../encoded-column.ts';

const INT4 = { oid: 23, typmod: -1 };
const TEXT = { oid: 25, typmod: -1 };
const FLOAT8 = { oid: 701, typmod: -1 };

const composite = (attributes: Readonly<Record<string, ColumnType>>): ColumnType => ({
  oid: 1,
  typmod: -1,
  shape: {
    kind: 'composite',
    attributes: Object.entries(attributes).map(([name, type]) => ({ name, type })),
  },
});
const arrayOf = (element: ColumnType): ColumnType => ({
  oid: 2,
  typmod: -1,
  shape: { kind: 'array', element, delimiter: ',', dimensions: 1 },
});
const RECORD = { as: { kind: 'record' } } as const;

/** A field as record_out prints it: quotes and backslashes are doubled. */
function field(text: string | null): string {
  if (text === null) return '';
  return text !== '' && !/[(),"\\\s]/.test(text) ? text : `"${text.replaceAll(/["\\]/g, '$&$&')}"`;
}

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.stringMatching(/^[(),"\\ a]{0,6}$/),
);

test('a composite keeps its text, whatever ALTER TYPE does to it', () => {
  const codec = codecUnder(composite({ street: TEXT, number: INT4 }));
  expect(codec.avro).toBe('string');
  expect(decodedBy(codec, '("a b",)')).toBe('("a b",)');
});

test('under the rule record it is one, with names that Avro allows', () => {
  const codec = codecUnder(composite({ street: TEXT, 'house no': INT4 }), RECORD);
  expect(codec.avro).toEqual({
    type: 'record',
    name: 'c',
    namespace: 'public.t.column',
    fields: [
      { name: 'street', type: ['null', 'string'], default: null },
      { name: 'house_no', type: ['null', 'int'], default: null, 'pg.name': 'house no' },
    ],
  });
  expect(decodedBy(codec, '("Main ""St"", 1",7)')).toEqual({ street: 'Main "St", 1', house_no: 7 });
  expect(decodedBy(codec, '(,)')).toEqual({ street: null, house_no: null });
  expect(decodedBy(codec, '("",)')).toEqual({ street: '', house_no: null });
});

test.each(['(a)', '(a,1,2)', '(a,1,)', '()', ''])(
  'a value with another number of fields is special: %s',
  (text) => {
    expect(decodedBy(codecUnder(composite({ street: TEXT, number: INT4 }), RECORD), text)).toBe('special');
  },
);

test('records and arrays nest', () => {
  const inner = composite({ tags: arrayOf(TEXT), weights: arrayOf(FLOAT8) });
  const codec = codecUnder(composite({ inner, id: INT4 }), RECORD);
  expect(decodedBy(codec, '("({a},""{1,2,3,4,5,6,7,8,9}"")",5)')).toEqual({
    inner: { tags: ['a'], weights: [1, 2, 3, 4, 5, 6, 7, 8, 9] },
    id: 5,
  });
});

test('an array of composites is an array of records under the rule', () => {
  const codec = codecUnder(arrayOf(composite({ a: TEXT, b: INT4 })), RECORD);
  expect(decodedBy(codec, String.raw`{"(\"x y\",1)",NULL,"(,)"}`)).toEqual([
    { a: 'x y', b: 1 },
    null,
    { a: null, b: null },
  ]);
  expect(decodedBy(codecUnder(arrayOf(composite({ a: TEXT, b: INT4 }))), '{"(,)"}')).toEqual(['(,)']);
});

test('every composite arrives', () => {
  const codec = codecUnder(composite({ a: TEXT, b: TEXT, n: FLOAT8 }), RECORD);
  const row = fc.record({ a: fc.option(anyText), b: fc.option(anyText), n: fc.option(fc.integer()) });
  fc.assert(
    fc.property(row, ({ a, b, n }) => {
      const text = `(${[a, b, n === null ? null : String(n)].map(field).join(',')})`;
      expect(decodedBy(codec, text)).toEqual({ a, b, n });
    }),
  );
});
