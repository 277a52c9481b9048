/** A column's type as its own server describes it. */
export interface ColumnType {
  /** `pg_type.typname`: `int4`, `_text`. */
  readonly name: string;
  /** As SQL spells it, without a length: `integer`, `text[]`. */
  readonly sql: string;
  /** `pg_type.typcategory`: A for arrays, C for composite types. */
  readonly category: string;
}

/** SQL that gives the text of a column, for values that are equal the same text. */
export type TextOf = (column: string) => string;

type Family = 'integer' | 'numeric' | 'money' | 'float' | 'json' | 'nested' | 'zoned' | 'unzoned' | 'other';

const FAMILIES: Readonly<Record<string, Family>> = {
  int2: 'integer',
  int4: 'integer',
  int8: 'integer',
  oid: 'integer',
  numeric: 'numeric',
  money: 'money',
  float4: 'float',
  float8: 'float',
  json: 'json',
  jsonb: 'json',
  hstore: 'nested',
  timestamptz: 'zoned',
  timestamp: 'unzoned',
};

const NUMBERS: ReadonlySet<Family> = new Set(['integer', 'numeric', 'money', 'float']);
const DOCUMENTS: ReadonlySet<Family> = new Set(['json', 'nested']);
const TIMESTAMPS: ReadonlySet<Family> = new Set(['zoned', 'unzoned']);

/**
 * How a column is compared with one of type `other` on the other server: by value where the types are of one kind
 * (numbers whatever their scale, documents whatever their spelling, points in time), else by Postgres's text. The
 * session's settings must be those of ReadSession.
 */
export function canonicalText(type: ColumnType, other: ColumnType): TextOf {
  const [own, theirs] = [familyOf(type), familyOf(other)];
  if (NUMBERS.has(own) && NUMBERS.has(theirs)) return numberText(own, theirs);
  // By the hash of equal values: the text of a jsonb keeps the scale of its numbers. Both servers hash alike.
  if (DOCUMENTS.has(own) && DOCUMENTS.has(theirs))
    return own === 'json'
      ? (column) => `jsonb_hash_extended(${column}::jsonb, 0)::text`
      : (column) => `jsonb_hash_extended(to_jsonb(${column}), 0)::text`;
  if (own === 'zoned' && TIMESTAMPS.has(theirs) && theirs !== own)
    return (column) => `(${column} AT TIME ZONE 'UTC')::text`;
  return plainText;
}

/** The text that a value has in a report, and that its type reads back. */
export const plainText: TextOf = (column) => `${column}::text`;

/** Whether the canonical text can be read back as a value. */
export function isReadable(type: ColumnType): boolean {
  return !DOCUMENTS.has(familyOf(type));
}

function numberText(own: Family, theirs: Family): TextOf {
  const exact: TextOf = own === 'money' ? (column) => `${column}::numeric` : (column) => column;
  // Adding 0 makes -0 the 0 that it equals.
  if (own === 'float' || theirs === 'float') return (column) => `(${exact(column)}::float8 + 0)::text`;
  return own === 'integer' ? plainText : (column) => `trim_scale(${exact(column)})::text`;
}

function familyOf(type: ColumnType): Family {
  if (type.category === 'A' || type.category === 'C') return 'nested';
  return FAMILIES[type.name] ?? 'other';
}
