import { must } from '../../../infra/process/assert.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

/** A table as the publication has it, and what of it decides whether its changes can be read. */
export interface PublishedTableReading {
  /** `schema.table`. */
  readonly name: string;
  /** pg_publication_rel.oid: another one means that the table was out of the publication, or its filter was changed. */
  readonly membership: number | null;
  /** pg_class.relreplident: d default, f full, i index, n nothing. */
  readonly identity: string;
  readonly hasPrimaryKey: boolean;
  readonly primaryKeyIsDeferrable: boolean;
  /** The index of REPLICA IDENTITY USING INDEX is there. */
  readonly hasIdentityIndex: boolean;
  readonly identityIsPrimaryKey: boolean;
  /** We may SELECT every published column. */
  readonly readable: boolean;
  /** Row-level security hides rows from us. */
  readonly rowSecurity: boolean;
}

/** The publication, and the role that reads it, as they are now. */
export interface PublicationReading {
  readonly oid: number;
  readonly inserts: boolean;
  readonly updates: boolean;
  readonly deletes: boolean;
  readonly tables: readonly PublishedTableReading[];
  readonly role: string;
  /** The role may start a walsender. */
  readonly mayReplicate: boolean;
}

const PUBLICATION_SQL = `
  SELECT p.oid::int8::float8 AS oid, pubinsert AS inserts, pubupdate AS updates, pubdelete AS deletes,
    rolname::text AS role, rolreplication OR rolsuper AS "mayReplicate"
  FROM pg_publication p CROSS JOIN pg_roles r WHERE pubname = $1 AND rolname = current_user`;

/** Lists of columns came with Postgres 15: read as JSON, they are null before. */
const TABLES_SQL = `
  SELECT format('%s.%s', p.schemaname, p.tablename) AS name, c.relreplident::text AS identity,
    (SELECT r.oid::int8::float8 FROM pg_publication_rel r
      WHERE r.prrelid = c.oid AND r.prpubid = $2::int8::oid) AS membership,
    coalesce(k.indisprimary, false) AS "hasPrimaryKey", coalesce(NOT k.indimmediate, false) AS "primaryKeyIsDeferrable",
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisreplident) AS "hasIdentityIndex",
    coalesce(k.indisreplident, false) AS "identityIsPrimaryKey",
    has_table_privilege(c.oid, 'SELECT') OR coalesce((SELECT bool_and(has_column_privilege(c.oid, a, 'SELECT'))
      FROM jsonb_array_elements_text(nullif(to_jsonb(p) -> 'attnames', 'null')) a), false) AS readable,
    row_security_active(c.oid) AS "rowSecurity"
  FROM pg_publication_tables p
  JOIN pg_namespace n ON n.nspname = p.schemaname
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = p.tablename
  LEFT JOIN pg_index k ON k.indrelid = c.oid AND k.indisprimary
  WHERE p.pubname = $1 ORDER BY 1`;

/** Null when there is no such publication. */
export async function readPublication(sql: WireConnection, name: string): Promise<PublicationReading | null> {
  const [row] = await sql.query<Omit<PublicationReading, 'tables'>>(PUBLICATION_SQL, [name]);
  if (row === undefined) return null;
  return { ...row, tables: await sql.query<PublishedTableReading>(TABLES_SQL, [name, row.oid]) };
}

/** True for `schema.table` that exists, as a role sees it that may use the schema. */
export async function tableExists(sql: WireConnection, name: string): Promise<boolean> {
  const [row] = await sql.query<{ found: boolean }>(
    `SELECT EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
       WHERE format('%s.%s', nspname, relname) = $1) AS found`,
    [name],
  );
  return must(row, 'EXISTS gave no row').found;
}
