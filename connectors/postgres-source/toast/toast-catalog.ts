import { must } from '../../../infra/process/assert.ts';
import { type PresentColumn, columnAttributes } from '../shapes/column-attributes.ts';
import type { Relation } from '../changes/relation.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** How Postgres stores the values of a column. */
export interface ColumnStorage {
  /** `pg_attribute.attnum`, which a column keeps when it is renamed; null where the catalog does not tell it for sure. */
  readonly attribute: number | null;
  /** Bytes of a type of fixed length; -1 of all others. */
  readonly bytes: number;
  /** Values may be moved out of line. */
  readonly toastable: boolean;
  /** They are moved only when all others were (MAIN), or never (PLAIN). */
  readonly inline: boolean;
  /** Bytes in the table that one byte of text may stand for. */
  readonly growth: number;
}

export interface TableStorage {
  /** Per column of the relation. */
  readonly columns: readonly ColumnStorage[];
  /** The least `toast_tuple_target` that is set for the table or a partition of it, null for the default. */
  readonly tupleTargetBytes: number | null;
  readonly blockBytes: number;
}

/** The catalog is from the future; types do not change how they are stored. */
export async function tableStorage(sql: WireConnection, relation: Relation): Promise<TableStorage> {
  const columns = await sql.query<Omit<ColumnStorage, 'attribute'>>(STORAGE_SQL, [
    relation.columns.map((column) => column.typeOid),
    relation.columns.map((column) => column.name),
    relation.oid,
  ]);
  const present = await sql.query<PresentColumn>(PRESENT_SQL, [
    relation.oid,
    relation.columns.map((column) => column.name),
  ]);
  const rows = await sql.query<{ target: number | null; block: number }>(TARGET_SQL, [relation.oid]);
  const { target, block } = must(rows[0], 'an aggregate has a row');
  const attributes = columnAttributes(relation.columns, present);
  return {
    columns: columns.map((column, i) => ({ ...column, attribute: attributes[i] ?? null })),
    tupleTargetBytes: target,
    blockBytes: block,
  };
}

/** Generated columns are there where the publication has them. */
const PRESENT_SQL = `
  SELECT attname::text AS name, atttypid::int8::float8 AS "typeOid", attnum::int AS attribute
  FROM pg_attribute
  WHERE attrelid = $1::int8::oid AND attnum > 0 AND NOT attisdropped
    AND (attgenerated = '' OR attname = ANY ($2::text[]))
  ORDER BY attnum`;

/**
 * Text that stands for itself grows by nothing. `{1,2}` is four bytes an element in the table and two as text, jsonb has
 * four bytes of its own for each member, and a composite in an array has a header of 24.
 */
const STORAGE_SQL = `
  SELECT coalesce(t.typlen, -1)::int AS bytes,
    coalesce(t.typlen = -1 AND t.typstorage <> 'p', true) AS toastable,
    coalesce(a.attstorage, t.typstorage, 'x') IN ('m', 'p') AS inline,
    CASE WHEN t.typcategory IN ('S', 'N', 'V', 'I') OR t.typname IN ('bytea', 'json', 'xml') THEN 1
      WHEN t.typtype = 'c' OR e.typtype = 'c' OR t.typtype IS NULL THEN 8 ELSE 4 END::int AS growth
  FROM unnest($1::int8[], $2::text[]) WITH ORDINALITY AS w (oid, name, i)
  LEFT JOIN pg_type t ON t.oid = w.oid::oid
  LEFT JOIN pg_type e ON e.oid = t.typelem
  LEFT JOIN pg_attribute a ON a.attrelid = $3::int8::oid AND a.attname = w.name AND NOT a.attisdropped
  ORDER BY i`;

const TARGET_SQL = `
  SELECT min(o.option_value::int) AS target, current_setting('block_size')::int AS block
  FROM pg_class c CROSS JOIN LATERAL pg_options_to_table(c.reloptions) o
  WHERE o.option_name = 'toast_tuple_target'
    AND (c.oid = $1::int8::oid OR c.oid IN (SELECT relid FROM pg_partition_tree($1::int8::oid::regclass)))`;
