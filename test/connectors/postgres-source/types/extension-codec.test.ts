import { expect, test } from 'vitest';
import type { ColumnCodec } from '../../../../connectors/postgres-source/types/column-codec.ts';
import { codecUnder, decodedBy } from '../encoded-column.ts';

const codecOf = (extension: string, name: string): ColumnCodec =>
  codecUnder({ oid: 1, typmod: -1, shape: { kind: 'extension', extension, name } });

test.each<[string, string, number[]]>([
  ['vector', '[1,-2.5,0.1]', [1, -2.5, Math.fround(0.1)]],
  ['halfvec', '[65504,5.9604645e-08]', [65504, Math.fround(5.9604645e-8)]],
  ['vector', `[${Array.from({ length: 2000 }, () => '1').join(',')}]`, Array.from({ length: 2000 }, () => 1)],
])('a pgvector %s is an array of floats', (name, text, values) => {
  expect(decodedBy(codecOf('vector', name), text)).toEqual(values);
});

test('a pgvector sparsevec is its dimension, indices and values', () => {
  const codec = codecOf('vector', 'sparsevec');
  expect(decodedBy(codec, '{1:1.5,3:-2}/5')).toEqual({ dim: 5, indices: [1, 3], values: [1.5, -2] });
  expect(decodedBy(codec, '{}/1000000000')).toEqual({ dim: 1_000_000_000, indices: [], values: [] });
});

/** ST_AsBinary(POINT(1 2)), little-endian. */
const POINT = '0101000000000000000000F03F0000000000000040';

test('a PostGIS geometry is its SRID and well-known binary without one', () => {
  const codec = codecOf('postgis', 'geometry');
  const wkb = Buffer.from(POINT, 'hex');
  expect(decodedBy(codec, POINT)).toEqual({ srid: null, wkb });
  expect(decodedBy(codec, `0101000020E6100000${POINT.slice(10)}`)).toEqual({ srid: 4326, wkb });
});

test('a PostGIS geography in the other byte order, with a height', () => {
  const codec = codecOf('postgis', 'geography');
  const coordinates = '3FF000000000000040000000000000004008000000000000';
  expect(decodedBy(codec, `00A0000001000010E6${coordinates}`)).toEqual({
    srid: 4326,
    wkb: Buffer.from(`0080000001${coordinates}`, 'hex'),
  });
  expect(decodedBy(codec, '01')).toBe('special');
});

test('S129 a type of an extension that is not known keeps its text, and so does a namesake of another extension', () => {
  expect(decodedBy(codecOf('seg', 'seg'), '1.5 .. 3')).toBe('1.5 .. 3');
  expect(decodedBy(codecOf('mine', 'vector'), '[1]')).toBe('[1]');
});
