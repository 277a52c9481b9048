import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ColumnType } from '../../../../connectors/postgres-source/types/column-codec.ts';
import { codecUnder, decodedBy } from '../encoded-column.ts';

const INT4 = { oid: 23, typmod: -1 };
const TEXT = { oid: 25, typmod: -1 };
const FLOAT8 = { oid: 701, typmod: -1 };
const NUMERIC = { oid: 1700, typmod: ((20 << 16) | 6) + 4 };
const BOX = { oid: 603, typmod: -1 };

const arrayOf = (element: ColumnType, delimiter = ',', dimensions = 1): ColumnType => ({
  oid: 1,
  typmod: element.typmod,
  shape: { kind: 'array', element, delimiter, dimensions },
});

/** An element as array_out prints it: quoted where it must be. */
function element(text: string | null): string {
  if (text === null) return 'NULL';
  const plain = text !== '' && !/[{}",\\\s]/.test(text) && text.toUpperCase() !== 'NULL';
  return plain ? text : `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}

const literal = (texts: readonly (string | null)[]): string => `{${texts.map(element).join(',')}}`;

const anyText = fc.oneof(
  fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
  fc.stringMatching(/^[{}",\\ aN]{0,6}$/),
  fc.constantFrom('NULL', 'null', 'NUL', 'x'.repeat(2000)),
);

test.each<[string, ColumnType, string, unknown]>([
  ['no elements', INT4, '{}', []],
  ['nulls', INT4, '{1,NULL,-3}', [1, null, -3]],
  ['one null', TEXT, '{NULL}', [null]],
  ['the text NULL', TEXT, '{"NULL",NUMB}', ['NULL', 'NUMB']],
  ['empty texts', TEXT, '{"",""}', ['', '']],
  ['quotes and backslashes', TEXT, String.raw`{"a\"b","c\\","\\\""}`, ['a"b', 'c\\', '\\"']],
  ['another delimiter', BOX, '{(3,4),(1,2);(1,1),(0,0)}', ['(3,4),(1,2)', '(1,1),(0,0)']],
  ['two dimensions', INT4, '{{1,2},{3,4}}', 'special'],
  ['two dimensions of text', TEXT, '{{"{",b},{c,d}}', 'special'],
  ['a brace in a text', TEXT, '{"{a}","}"}', ['{a}', '}']],
  ['another lower bound', INT4, '[0:1]={7,8}', 'special'],
  ['an element without an Avro value', { oid: 1082, typmod: -1 }, '{1970-01-01,infinity}', 'special'],
])('S126 an array with %s', (_, type, text, value) => {
  const codec = codecUnder(arrayOf(type, type === BOX ? ';' : ','));
  expect(decodedBy(codec, text)).toEqual(value);
});

test('S126 clamp: an array begins where it likes, and its elements are clamped', () => {
  const codec = codecUnder(arrayOf({ oid: 1082, typmod: -1 }), { special: 'clamp' });
  expect(decodedBy(codec, '[-1:0]={1970-01-02,infinity}')).toEqual([1, 2_932_896]);
  expect(decodedBy(codec, '{{1970-01-02}}')).toBe('special');
});

test('S126 an array that is declared with more dimensions, and one under the policy string, is its text', () => {
  expect(codecUnder(arrayOf(INT4, ',', 2)).avro).toBe('string');
  expect(codecUnder(arrayOf(INT4), { special: 'string' }).avro).toBe('string');
  expect(codecUnder(arrayOf(INT4, ',', 0)).avro).toEqual({ type: 'array', items: ['null', 'int'] });
});

test('every array of texts arrives', () => {
  const codec = codecUnder(arrayOf(TEXT));
  fc.assert(
    fc.property(fc.array(fc.option(anyText), { maxLength: 70 }), (texts) => {
      expect(decodedBy(codec, literal(texts))).toEqual(texts);
    }),
  );
});

test('every array of numbers arrives, short ones that grow the most included', () => {
  const floats = codecUnder(arrayOf(FLOAT8));
  const numerics = codecUnder(arrayOf(NUMERIC));
  fc.assert(
    fc.property(fc.array(fc.option(fc.integer({ min: -9, max: 9 }))), (values) => {
      expect(decodedBy(floats, literal(values.map((value) => value?.toString() ?? null)))).toEqual(values);
      const decimals = values.map((value) => (value === null ? null : `${value}.000000`));
      expect(decodedBy(numerics, literal(decimals))).toEqual(
        values.map((value) => (value === null ? null : { unscaled: BigInt(value) * 1_000_000n, scale: 6 })),
      );
    }),
  );
});

test('every hstore arrives', () => {
  const codec = codecUnder({
    oid: 1,
    typmod: -1,
    shape: { kind: 'extension', extension: 'hstore', name: 'hstore' },
  });
  const quoted = (text: string): string => `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  const key = anyText.filter((text) => text !== '__proto__');
  fc.assert(
    fc.property(fc.dictionary(key, fc.option(anyText), { noNullPrototype: true }), (map) => {
      const pairs = Object.entries(map).map(
        ([name, value]) => `${quoted(name)}=>${value === null ? 'NULL' : quoted(value)}`,
      );
      expect(decodedBy(codec, pairs.join(', '))).toEqual(map);
    }),
  );
});
