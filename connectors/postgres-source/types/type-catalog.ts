import type { ColumnType, TypeAttribute } from './column-codec.ts';

/** A row of {@link TYPES_SQL}. */
export interface TypeRow {
  readonly oid: number;
  readonly name: string;
  /** `pg_type.typtype`: b base, c composite, d domain, e enum, m multirange, p pseudo, r range. */
  readonly sort: string;
  /** What a domain is over, 0 of other types. */
  readonly baseOid: number;
  readonly baseTypmod: number;
  /** The element of a true array type, 0 of other types. */
  readonly elementOid: number;
  readonly delimiter: string;
  /** The extension that the type belongs to. */
  readonly extension: string | null;
  readonly labels: readonly string[] | null;
  readonly attributeNames: readonly string[] | null;
  readonly attributeOids: readonly number[] | null;
  readonly attributeTypmods: readonly number[] | null;
}

/**
 * Every type that the types $1 are made of. A true array type is the one that its element names: int2vector and
 * oidvector have elements too, and print them without braces.
 * https://www.postgresql.org/docs/current/catalog-pg-type.html
 */
export const TYPES_SQL = `
  WITH RECURSIVE reached AS (
    SELECT oid::oid FROM unnest($1::int8[]) AS wanted (oid)
    UNION
    SELECT inner_type.oid FROM reached r JOIN pg_type t ON t.oid = r.oid CROSS JOIN LATERAL (
      SELECT t.typbasetype AS oid WHERE t.typtype = 'd'
      UNION ALL
      SELECT e.oid FROM pg_type e WHERE e.oid = t.typelem AND e.typarray = t.oid
      UNION ALL
      SELECT a.atttypid FROM pg_attribute a
      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
    ) inner_type
  )
  SELECT t.oid::int8::float8 AS oid, t.typname::text AS name, t.typtype::text AS sort,
    t.typbasetype::int8::float8 AS "baseOid", t.typtypmod AS "baseTypmod",
    coalesce(e.oid::int8::float8, 0) AS "elementOid", coalesce(e.typdelim::text, ',') AS delimiter,
    x.extname::text AS extension,
    (SELECT array_agg(l.enumlabel::text ORDER BY l.enumsortorder) FROM pg_enum l WHERE l.enumtypid = t.oid) AS labels,
    c.names AS "attributeNames", c.oids AS "attributeOids", c.typmods AS "attributeTypmods"
  FROM reached r JOIN pg_type t ON t.oid = r.oid
  LEFT JOIN pg_type e ON e.oid = t.typelem AND e.typarray = t.oid
  LEFT JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
    AND d.refclassid = 'pg_extension'::regclass
  LEFT JOIN pg_extension x ON x.oid = d.refobjid
  LEFT JOIN LATERAL (
    SELECT array_agg(a.attname::text ORDER BY a.attnum) AS names,
      array_agg(a.atttypid::int8::float8 ORDER BY a.attnum) AS oids,
      array_agg(a.atttypmod ORDER BY a.attnum) AS typmods
    FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) c ON t.typtype = 'c'`;

/**
 * The type of a column, its domains followed down to what they are over.
 * @param dimensions as the column is declared; 0 where the catalog has lost them
 */
export function resolveType(
  types: ReadonlyMap<number, TypeRow>,
  oid: number,
  typmod: number,
  dimensions: number,
): ColumnType {
  const type = types.get(oid);
  if (type === undefined) return { oid, typmod };
  if (type.sort === 'd') return resolveType(types, type.baseOid, type.baseTypmod, dimensions);
  if (type.elementOid !== 0) {
    // An array's modifier is that of its elements.
    const element = resolveType(types, type.elementOid, typmod, 0);
    return { oid, typmod, shape: { kind: 'array', element, delimiter: type.delimiter, dimensions } };
  }
  if (type.sort === 'e') return { oid, typmod, shape: { kind: 'enum', labels: type.labels ?? [] } };
  if (type.sort === 'c')
    return { oid, typmod, shape: { kind: 'composite', attributes: attributes(types, type) } };
  if (type.extension === null) return { oid, typmod };
  return { oid, typmod, shape: { kind: 'extension', extension: type.extension, name: type.name } };
}

function attributes(types: ReadonlyMap<number, TypeRow>, type: TypeRow): TypeAttribute[] {
  return (type.attributeNames ?? []).map((name, i) => ({
    name,
    type: resolveType(types, type.attributeOids?.[i] ?? 0, type.attributeTypmods?.[i] ?? -1, 0),
  }));
}
