import type { Client } from 'pg';
import type { LiveTable } from './live-table.ts';

export interface CarriedIndex {
  /** Unquoted, as in the catalog. */
  readonly name: string;
  /** Of a primary key, unique or exclusion constraint, as ALTER TABLE takes it, else null. */
  readonly constraint: string | null;
  /** What `CREATE INDEX` begins with, up to the access method's name: it names index and table. */
  readonly head: string;
  readonly definition: string;
  /** Columns of a unique index without conditions and expressions, sorted; null of any other. */
  readonly keyColumns: readonly string[] | null;
  readonly isPrimary: boolean;
  readonly comment: string | null;
}

export interface CarriedForeignKey {
  readonly name: string;
  readonly definition: string;
  readonly isValidated: boolean;
}

export interface CarriedTrigger {
  readonly name: string;
  readonly definition: string;
  /** ` ON <table> `, as it is in the definition. */
  readonly on: string;
  /** BEFORE each row: it may shape the row, so it fires while the new table is filled. */
  readonly shapesRows: boolean;
  /** `ENABLE`, `DISABLE`, `ENABLE REPLICA`, `ENABLE ALWAYS`. */
  readonly state: string;
}

/** What a table has beside its columns and rows. */
export interface CarriedParts {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  readonly indexes: readonly CarriedIndex[];
  readonly foreignKeys: readonly CarriedForeignKey[];
  readonly triggers: readonly CarriedTrigger[];
  /** Policies, statistics targets, comment, replica identity: statements that name the table as it is named. */
  readonly statements: readonly string[];
  /** Owner, then grants. */
  readonly rights: readonly string[];
}

const COLUMNS = `
  SELECT attname AS name, format_type(atttypid, atttypmod) AS type
  FROM pg_attribute WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped ORDER BY attnum`;

const INDEXES = `
  SELECT c.relname AS name, pg_get_constraintdef(k.oid) AS constraint, pg_get_indexdef(c.oid) AS definition,
    format('CREATE %sINDEX %I ON %I.%I USING ', CASE WHEN i.indisunique THEN 'UNIQUE ' ELSE '' END, c.relname, n.nspname, t.relname) AS head,
    CASE WHEN i.indisunique AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL THEN
      (SELECT array_agg(a.attname::text ORDER BY a.attname::text) FROM unnest(i.indkey::smallint[]) WITH ORDINALITY AS u(n, place)
       JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.n WHERE u.place <= i.indnkeyatts) END AS "keyColumns",
    i.indisprimary AS "isPrimary", obj_description(c.oid, 'pg_class') AS comment
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
  JOIN pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_constraint k ON k.conindid = c.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
  WHERE i.indrelid = $1 AND i.indisvalid
  ORDER BY i.indisprimary DESC, c.relname`;

const FOREIGN_KEYS = `
  SELECT conname AS name, convalidated AS "isValidated", regexp_replace(pg_get_constraintdef(oid), ' NOT VALID$', '') AS definition
  FROM pg_constraint WHERE conrelid = $1 AND contype = 'f' ORDER BY conname`;

const TRIGGERS = `
  SELECT g.tgname AS name, pg_get_triggerdef(g.oid) AS definition, format(' ON %I.%I ', n.nspname, t.relname) AS on,
    g.tgtype & 3 = 3 AS "shapesRows",
    CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE' END AS state
  FROM pg_trigger g JOIN pg_class t ON t.oid = g.tgrelid JOIN pg_namespace n ON n.oid = t.relnamespace
  WHERE g.tgrelid = $1 AND NOT g.tgisinternal ORDER BY g.tgname`;

const STATEMENTS = `
  WITH t AS (SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1)
  SELECT 1 AS place, format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', name) AS sql FROM t WHERE relrowsecurity
  UNION ALL SELECT 2, format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', name) FROM t WHERE relforcerowsecurity
  UNION ALL SELECT 3, format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', p.polname, t.name,
      CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,
      CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
      (SELECT string_agg(CASE WHEN r = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(r)) END, ', ') FROM unnest(p.polroles) AS r),
      ' USING (' || pg_get_expr(p.polqual, p.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')')
    FROM pg_policy p JOIN t ON p.polrelid = t.oid
  UNION ALL SELECT 4, format('ALTER TABLE %s REPLICA IDENTITY %s', name, CASE relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL'
      ELSE (SELECT format('USING INDEX %I', c.relname) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = t.oid AND i.indisreplident) END)
    FROM t WHERE relreplident <> 'd'
  UNION ALL SELECT 5, format('COMMENT ON TABLE %s IS %L', name, obj_description(oid, 'pg_class')) FROM t WHERE obj_description(oid, 'pg_class') IS NOT NULL
  UNION ALL SELECT 6, format('ALTER TABLE %s ALTER COLUMN %I SET STATISTICS %s', t.name, a.attname, a.attstattarget)
    FROM pg_attribute a JOIN t ON a.attrelid = t.oid WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attstattarget >= 0
  ORDER BY 1, 2`;

const RIGHTS = `
  WITH t AS (SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1),
  granted AS (
    SELECT name, '' AS columns, (aclexplode(relacl)).* FROM t
    UNION ALL SELECT t.name, format(' (%I)', a.attname), (aclexplode(a.attacl)).*
      FROM pg_attribute a JOIN t ON a.attrelid = t.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped)
  SELECT 1 AS place, format('ALTER TABLE %s OWNER TO %I', name, pg_get_userbyid(relowner)) AS sql FROM t
  UNION ALL SELECT 2, format('REVOKE ALL ON TABLE %s FROM %I', name, pg_get_userbyid(relowner)) FROM t WHERE relacl IS NOT NULL
  UNION ALL SELECT 3, format('GRANT %s%s ON TABLE %s TO %s%s', privilege_type, columns, name,
      CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
      CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) FROM granted
  ORDER BY 1, 2`;

/** Describes them with names that no search_path has a say in; the session pins `search_path = pg_catalog`. */
export async function readCarried(client: Client, { oid }: LiveTable): Promise<CarriedParts> {
  const read = async <T extends object>(text: string): Promise<readonly T[]> =>
    (await client.query<T>(text, [oid])).rows;
  return {
    columns: await read(COLUMNS),
    indexes: await read(INDEXES),
    foreignKeys: await read(FOREIGN_KEYS),
    triggers: await read(TRIGGERS),
    statements: (await read<{ sql: string }>(STATEMENTS)).map(({ sql }) => sql),
    rights: (await read<{ sql: string }>(RIGHTS)).map(({ sql }) => sql),
  };
}

/** The definition of an index for another table, under another name; null for a text of another form. */
export function indexFor({ head, definition }: CarriedIndex, name: string, table: string): string | null {
  if (!definition.startsWith(head)) return null;
  const unique = head.startsWith('CREATE UNIQUE ') ? 'UNIQUE ' : '';
  return `CREATE ${unique}INDEX ${name} ON ${table} USING ${definition.slice(head.length)}`;
}

/** The definition of a trigger for another table; null for a text of another form. */
export function triggerFor({ definition, on }: CarriedTrigger, table: string): string | null {
  const at = definition.indexOf(on);
  return at < 0 ? null : `${definition.slice(0, at)} ON ${table} ${definition.slice(at + on.length)}`;
}
