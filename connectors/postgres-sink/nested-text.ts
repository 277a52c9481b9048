import {
  type AvroArray,
  type AvroMap,
  type AvroRecord,
  type AvroSchema,
  isUnion,
  withoutNull,
} from '../../schemas/avro-schema.ts';
import { ewkbText, pointText, sparseVectorText, vectorText } from './record-text.ts';
import { scalarType } from './scalar-type.ts';

/** The text that a Postgres type reads, of a decoded value that is not null. */
export type ValueText = (value: unknown) => string;

/**
 * The Postgres text of a value as the source writes it: arrays, hstore, points, vectors, geometries and composites, at
 * any depth. Null for a union of several types, which no Postgres type has.
 * @param delimiter between the elements of an outermost array
 * @throws Failure `sink.unsupported_type` (stop)
 */
export function nestedText(schema: AvroSchema, delimiter = ','): ValueText | null {
  const bare = withoutNull(schema);
  if (isUnion(bare)) return null;
  if (typeof bare === 'object') {
    if ('items' in bare) return isVector(bare) ? vectorText : arrayText(bare, delimiter);
    if ('values' in bare) return hstoreText(bare);
    if ('fields' in bare) return recordText(bare);
  }
  const { sql, text } = scalarType(bare, 'value');
  // A bit(1) is a boolean in Avro, and only these two texts are read by both types.
  return sql === 'boolean' ? (value) => (value === true ? '1' : '0') : text;
}

/** pgvector's elements are never null; those of a Postgres array may always be. */
function isVector({ items }: AvroArray): boolean {
  return items === 'float';
}

/** https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
function arrayText({ items }: AvroArray, delimiter: string): ValueText | null {
  const text = nestedText(items);
  if (text === null) return null;
  return (value) => {
    const elements = (value as readonly unknown[]).map((element) =>
      element === null ? 'NULL' : escaped(text(element)),
    );
    return `{${elements.join(delimiter)}}`;
  };
}

/** https://www.postgresql.org/docs/current/hstore.html */
function hstoreText({ values }: AvroMap): ValueText | null {
  const text = nestedText(values);
  if (text === null) return null;
  return (map) =>
    Object.entries(map as Readonly<Record<string, unknown>>)
      .map(([key, value]) => `${escaped(key)}=>${value === null ? 'NULL' : escaped(text(value))}`)
      .join(',');
}

function recordText(record: AvroRecord): ValueText | null {
  const names = record.fields.map(({ name, type }) => (isUnion(type) ? `${name}?` : name)).join();
  if (names === 'x,y') return pointText;
  if (names === 'srid?,wkb') return ewkbText;
  if (names === 'dim,indices,values') return sparseVectorText;
  return compositeText(record);
}

/** Every field is quoted: nothing between two commas is null. https://www.postgresql.org/docs/current/rowtypes.html */
function compositeText({ fields }: AvroRecord): ValueText | null {
  const texts: (readonly [string, ValueText])[] = [];
  for (const { name, type } of fields) {
    const text = nestedText(type);
    if (text === null) return null;
    texts.push([name, text]);
  }
  return (row) => {
    const values = row as Readonly<Record<string, unknown>>;
    const members = texts.map(([name, text]) => {
      const value = values[name] ?? null;
      return value === null ? '' : escaped(text(value));
    });
    return `(${members.join(',')})`;
  };
}

function escaped(text: string): string {
  return `"${text.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
}
