import { z } from 'zod';
import type { WireConnection } from '../wire/wire-connection.ts';

const storedColumn = z.object({
  name: z.string(),
  type: z.string(),
  /** Another one means that the column was altered in some way: its row in pg_attribute is a new one. */
  version: z.string(),
  /** Rows from before the column have its default by the catalog alone (`atthasmissing`). */
  missing: z.boolean(),
  /** A default, an identity or a generated value: rows may have got one when the column came. */
  filled: z.boolean(),
  /** Of a stored generated column: what it is computed by, as a digest. */
  expression: z.string().nullable(),
});

const storedPart = z.object({
  name: z.string(),
  /** `pg_class.relfilenode`: another one means that the rows were written anew. */
  file: z.string(),
  /** A table that was there before it became a partition: rows it had then are in no stream. */
  attached: z.boolean(),
});

/** How a published table lies on disk, and what may have changed values without a change in the WAL's stream. */
export const tableStorage = z.object({
  oid: z.number(),
  schema: z.string(),
  table: z.string(),
  /** By oid: the table itself, or its leaf partitions. */
  parts: z.record(z.string(), storedPart),
  /** By attnum. */
  columns: z.record(z.string(), storedColumn),
});

export type TableStorage = z.output<typeof tableStorage>;

/**
 * System columns are never altered, so the row of `ctid` in pg_attribute is as old as its table. pg_get_expr and
 * pg_partition_tree would wait for a lock on each table, which VACUUM FULL holds for as long as it runs.
 * https://www.postgresql.org/docs/current/catalog-pg-attribute.html
 */
const STORAGE_SQL = `
  WITH RECURSIVE published AS (
    SELECT c.oid, p.schemaname::text AS schema, p.tablename::text AS table
    FROM pg_publication_tables p
    JOIN pg_namespace n ON n.nspname = p.schemaname
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
    WHERE p.pubname = $1
  ), part AS (
    SELECT oid AS root, oid, false AS attached FROM published
    UNION ALL
    SELECT part.root, i.inhrelid, part.attached OR i.xmin <> a.xmin
    FROM part JOIN pg_class parent ON parent.oid = part.oid AND parent.relkind = 'p'
    JOIN pg_inherits i ON i.inhparent = part.oid
    JOIN pg_attribute a ON a.attrelid = i.inhrelid AND a.attname = 'ctid'
  )
  SELECT p.oid::int8::float8 AS oid, p.schema, p.table,
    coalesce((SELECT json_object_agg(c.oid::text, json_build_object(
        'name', c.oid::regclass::text, 'file', c.relfilenode::text, 'attached', part.attached))
      FROM part JOIN pg_class c ON c.oid = part.oid AND c.relkind <> 'p' WHERE part.root = p.oid), '{}') AS parts,
    coalesce((SELECT json_object_agg(a.attnum::text, json_build_object('name', a.attname,
        'type', format_type(a.atttypid, a.atttypmod), 'version', a.xmin::text, 'missing', a.atthasmissing,
        'filled', a.atthasdef OR a.attidentity <> '' OR a.attgenerated <> '',
        'expression', CASE WHEN a.attgenerated = 's' THEN md5(d.adbin::text) END))
      FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = p.oid AND a.attnum > 0 AND NOT a.attisdropped), '{}') AS columns
  FROM published p ORDER BY 2, 3`;

export async function readStorage(sql: WireConnection, publication: string): Promise<TableStorage[]> {
  return await sql.query<TableStorage>(STORAGE_SQL, [publication]);
}
