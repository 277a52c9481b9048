import { must } from '../../../infra/process/assert.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Lsn } from '../place/lsn.ts';
import type { Relation, RelationColumn, ReplicaIdentity } from '../changes/relation.ts';
import type { RelationDetails } from './table-schema.ts';
import { tableStorage } from '../toast/toast-catalog.ts';
import { TYPES_SQL, type TypeRow, resolveType } from '../types/type-catalog.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** A member of the publication. */
export interface PublishedTable {
  readonly oid: number;
  readonly schema: string;
  readonly table: string;
  /** Published columns, null for all (Postgres 14). */
  readonly columns: readonly string[] | null;
  /** A row filter's SQL, null without one. */
  readonly filter: string | null;
}

interface ColumnRow {
  readonly typeName: string;
  readonly dimensions: number;
  /** Null, as what follows, of a column that is gone. */
  readonly isNotNull: boolean | null;
  readonly comment: string | null;
  readonly tableComment: string | null;
}

const LIST_TRIES_MAX = 5;
/** `XX000`, in pg_get_publication_tables(). */
const TABLE_GONE = /could not open relation with OID/;

/** The source database's catalog, over one ordinary session. */
export class Catalog {
  readonly #sql: WireConnection;
  readonly #version: number;
  readonly #isTextUnchecked: boolean;

  private constructor(sql: WireConnection, version: number, encoding: string) {
    this.#sql = sql;
    this.#version = version;
    this.#isTextUnchecked = encoding === 'SQL_ASCII';
  }

  static async open(sql: WireConnection): Promise<Catalog> {
    const rows = await sql.query<{ version: number; encoding: string }>(
      `SELECT current_setting('server_version_num')::int AS version, getdatabaseencoding()::text AS encoding`,
    );
    const { version, encoding } = must(rows[0], 'server_version_num');
    return new Catalog(sql, version, encoding);
  }

  /** The publication's members. Postgres gives up on the whole list when one of them is dropped meanwhile. */
  async publishedTables(publication: string): Promise<PublishedTable[]> {
    for (let tries = 1; ; tries++)
      try {
        return await this.#publishedTables(publication);
      } catch (error) {
        if (tries === LIST_TRIES_MAX || !TABLE_GONE.test(describe(error))) throw error;
      }
  }

  async #publishedTables(publication: string): Promise<PublishedTable[]> {
    const lists =
      this.#version >= 150_000 ? 'p.attnames::text[] AS columns, p.rowfilter' : 'NULL AS columns, NULL';
    return await this.#sql.query<PublishedTable>(
      `SELECT c.oid::int8::float8 AS oid, p.schemaname::text AS schema, p.tablename::text AS table, ${lists} AS filter
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
    const columns = await this.#sql.query<RelationColumn>(COLUMNS_SQL, [
      table.oid,
      table.columns,
      this.#version >= GENERATED_PUBLISHED_SINCE,
    ]);
    return {
      oid: table.oid,
      schema: table.schema,
      table: table.table,
      identity: must(identity[0], `${table.schema}.${table.table} is gone`).identity,
      columns,
    };
  }

  /** Where the server's WAL ends now. */
  async walLsn(): Promise<Lsn> {
    const [row] = await this.#sql.query<{ lsn: string }>(
      `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END
         - '0/0'::pg_lsn)::text AS lsn`,
    );
    return BigInt(must(row, 'the end of the WAL').lsn);
  }

  async details(relation: Relation): Promise<RelationDetails> {
    const columns = await this.#sql.query<ColumnRow>(COLUMN_TYPES_SQL, [
      relation.columns.map((column) => column.typeOid),
      relation.columns.map((column) => column.typmod),
      relation.columns.map((column) => column.name),
      relation.oid,
    ]);
    const rows = await this.#sql.query<TypeRow>(TYPES_SQL, [
      relation.columns.map((column) => column.typeOid),
    ]);
    const types = new Map(rows.map((row) => [row.oid, row]));
    const primaryKey = await this.#sql.query<{ name: string; deferrable: boolean }>(PRIMARY_KEY_SQL, [
      relation.oid,
    ]);
    return {
      columns: relation.columns.map(({ typeOid, typmod }, i) => ({
        typeName: columns[i]?.typeName ?? 'unknown',
        isNotNull: columns[i]?.isNotNull ?? undefined,
        comment: columns[i]?.comment ?? null,
        base: resolveType(types, typeOid, typmod, columns[i]?.dimensions ?? 0),
      })),
      comment: columns[0]?.tableComment ?? null,
      primaryKey: primaryKey.map(({ name }) => name),
      isKeyDeferrable: primaryKey.some(({ deferrable }) => deferrable),
      isTextUnchecked: this.#isTextUnchecked,
      storage: await tableStorage(this.#sql, relation),
    };
  }
}

/** Before, generated columns are never published, though the view of publications lists them (Postgres 15). */
const GENERATED_PUBLISHED_SINCE = 180_000;

/** Columns in attnum order; generated ones only where they are published. FULL marks every column. */
const COLUMNS_SQL = `
  SELECT a.attname::text AS name, a.atttypid::int8::float8 AS "typeOid", a.atttypmod AS typmod,
    c.relreplident = 'f' OR EXISTS (
      SELECT FROM pg_index i WHERE i.indrelid = c.oid AND a.attnum = ANY (i.indkey)
        AND CASE c.relreplident WHEN 'd' THEN i.indisprimary WHEN 'i' THEN i.indisreplident ELSE false END
    ) AS "inIdentity"
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
  WHERE c.oid = $1::int8::oid AND a.attnum > 0 AND NOT a.attisdropped
    AND (a.attgenerated = '' OR $3) AND ($2::text[] IS NULL OR a.attname = ANY ($2::text[]))
  ORDER BY a.attnum`;

/** Comments, names of types as people write them, and how many dimensions an array column is declared with. */
const COLUMN_TYPES_SQL = `
  SELECT format_type(w.oid::oid, w.typmod) AS "typeName", coalesce(a.attndims, 0)::int AS dimensions,
    a.attnotnull AS "isNotNull", col_description(a.attrelid, a.attnum) AS comment,
    obj_description($4::int8::oid, 'pg_class') AS "tableComment"
  FROM unnest($1::int8[], $2::int[], $3::text[]) WITH ORDINALITY AS w (oid, typmod, name, i)
  LEFT JOIN pg_attribute a ON a.attrelid = $4::int8::oid AND a.attname = w.name AND NOT a.attisdropped
  ORDER BY i`;

const PRIMARY_KEY_SQL = `
  SELECT a.attname::text AS name, NOT x.indimmediate AS deferrable
  FROM pg_index x CROSS JOIN LATERAL unnest(x.indkey) WITH ORDINALITY AS k (attnum, place)
  JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum
  WHERE x.indrelid = $1::int8::oid AND x.indisprimary AND k.place <= x.indnkeyatts
  ORDER BY k.place`;
