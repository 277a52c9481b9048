import { must } from '../../infra/process/assert.ts';
import type { Relation, RelationColumn, ReplicaIdentity } from './relation.ts';
import type { RelationDetails } from './table-schema.ts';
import type { WireConnection } from './wire-connection.ts';

/** A member of the publication. */
export interface PublishedTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** Published columns, null for all (Postgres 14). */
  readonly columns: readonly string[] | null;
  /** A row filter's SQL, null without one. */
  readonly filter: string | null;
  /** What ANALYZE last counted; 0 where it never ran. */
  readonly estimatedRows: number;
}

/** The source database's catalog, over one ordinary session. */
export class Catalog {
  readonly #sql: WireConnection;
  readonly #version: number;

  private constructor(sql: WireConnection, version: number) {
    this.#sql = sql;
    this.#version = version;
  }

  static async open(sql: WireConnection): Promise<Catalog> {
    const rows = await sql.query<{ version: number }>(
      `SELECT current_setting('server_version_num')::int AS version`,
    );
    return new Catalog(sql, must(rows[0], 'server_version_num').version);
  }

  async publishedTables(publication: string): Promise<PublishedTable[]> {
    const lists =
      this.#version >= 150_000 ? 'p.attnames::text[] AS columns, p.rowfilter' : 'NULL AS columns, NULL';
    return await this.#sql.query<PublishedTable>(
      `SELECT c.oid::int8::float8 AS oid, p.schemaname::text AS schema, p.tablename::text AS table, ${lists} AS filter,
         greatest(c.reltuples, 0)::float8 AS "estimatedRows"
       FROM pg_publication_tables p
       JOIN pg_namespace n ON n.nspname = p.schemaname
       JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
       WHERE p.pubname = $1 ORDER BY 2, 3`,
      [publication],
    );
  }

  /** A table's shape as the stream would announce it now. */
  async relation(table: PublishedTable): Promise<Relation> {
    const identity = await this.#sql.query<{ identity: ReplicaIdentity }>(
      `SELECT relreplident::text AS identity FROM pg_class WHERE oid = $1::int8::oid`,
      [table.oid],
    );
    const columns = await this.#sql.query<RelationColumn>(COLUMNS_SQL, [table.oid, table.columns]);
    return {
      oid: table.oid,
      schema: table.schema,
      table: table.table,
      identity: must(identity[0], `${table.schema}.${table.table} is gone`).identity,
      columns,
    };
  }

  async details(relation: Relation): Promise<RelationDetails> {
    const columns = await this.#sql.query<{ typeName: string; oid: number; typmod: number }>(TYPES_SQL, [
      relation.columns.map((column) => column.typeOid),
      relation.columns.map((column) => column.typmod),
    ]);
    const primaryKey = await this.#sql.query<{ name: string }>(PRIMARY_KEY_SQL, [relation.oid]);
    return {
      columns: columns.map(({ typeName, oid, typmod }) => ({ typeName, base: { oid, typmod } })),
      primaryKey: primaryKey.map(({ name }) => name),
    };
  }
}

/** Columns in attnum order; generated ones only where the publication lists them. FULL marks every column. */
const COLUMNS_SQL = `
  SELECT a.attname::text AS name, a.atttypid::int8::float8 AS "typeOid", a.atttypmod AS typmod,
    c.relreplident = 'f' OR EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
    ) AS "inIdentity"
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.oid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
    AND CASE WHEN $2::text[] IS NULL THEN a.attgenerated = '' ELSE a.attname = ANY ($2::text[]) END
  ORDER BY a.attnum`;

/** A domain's type is followed down to its base; its modifier is the domain's. */
const TYPES_SQL = `
  WITH RECURSIVE wanted AS (
    SELECT * FROM unnest($1::int8[], $2::int[]) WITH ORDINALITY AS w (oid, typmod, i)
  ), base AS (
    SELECT i, oid::oid AS oid, typmod FROM wanted
    UNION ALL
    SELECT b.i, t.typbasetype, t.typtypmod FROM base b JOIN pg_type t ON t.oid = b.oid AND t.typtype = 'd'
  )
  SELECT format_type(w.oid::oid, w.typmod) AS "typeName", b.oid::int8::float8 AS oid, b.typmod
  FROM wanted w JOIN base b USING (i)
  WHERE NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = b.oid AND t.typtype = 'd')
  ORDER BY i`;

const PRIMARY_KEY_SQL = `
  SELECT a.attname::text AS name
  FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
  WHERE x.indrelid = $1::int8::oid AND x.indisprimary AND k.place <= x.indnkeyatts
  ORDER BY k.place`;
