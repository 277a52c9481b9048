import type { Client } from 'pg';
import type { LiveTable } from './live-table.ts';

/** What other objects of the database hold on to the table itself, and not to its name. */
export interface BoundObjects {
  /** As `CREATE OR REPLACE VIEW` statements, which bind the views to the table that has the name then. */
  readonly views: readonly BoundView[];
  /** What a rebuild cannot carry over, as Postgres describes it. */
  readonly obstacles: readonly string[];
}

export interface BoundView {
  /** Quoted, with its schema. */
  readonly name: string;
  readonly sql: string;
}

const VIEWS = `
  SELECT DISTINCT format('%I.%I', n.nspname, v.relname) AS name,
    format('CREATE OR REPLACE VIEW %I.%I %sAS %s', n.nspname, v.relname,
      'WITH (' || array_to_string(v.reloptions, ', ') || ') ', pg_get_viewdef(v.oid)) AS sql,
    pg_has_role(v.relowner, 'USAGE') AS "isOwn"
  FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid AND r.rulename = '_RETURN'
  JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v' JOIN pg_namespace n ON n.oid = v.relnamespace
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1
  ORDER BY 1`;

/** Whatever depends on the table or its row type and is neither a part of the table nor a view. */
const OBSTACLES = `
  WITH own AS (SELECT c.oid, c.reltype, t.typarray FROM pg_class c LEFT JOIN pg_type t ON t.oid = c.reltype WHERE c.oid = $1)
  SELECT DISTINCT pg_describe_object(d.classid, d.objid, 0) AS obstacle
  FROM pg_depend d, own
  WHERE (d.refclassid = 'pg_class'::regclass AND d.refobjid = own.oid
      OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (own.reltype, own.typarray))
    AND d.deptype <> 'i' AND d.classid <> 'pg_publication_rel'::regclass
    AND NOT EXISTS (SELECT FROM pg_index o WHERE d.classid = 'pg_class'::regclass AND o.indexrelid = d.objid AND o.indrelid = own.oid)
    AND NOT EXISTS (SELECT FROM pg_attrdef o WHERE d.classid = 'pg_attrdef'::regclass AND o.oid = d.objid AND o.adrelid = own.oid)
    AND NOT EXISTS (SELECT FROM pg_constraint o WHERE d.classid = 'pg_constraint'::regclass AND o.oid = d.objid
                    AND o.conrelid = own.oid AND o.confrelid <> own.oid)
    AND NOT EXISTS (SELECT FROM pg_trigger o WHERE d.classid = 'pg_trigger'::regclass AND o.oid = d.objid AND o.tgrelid = own.oid)
    AND NOT EXISTS (SELECT FROM pg_policy o WHERE d.classid = 'pg_policy'::regclass AND o.oid = d.objid AND o.polrelid = own.oid)
    AND NOT EXISTS (SELECT FROM pg_statistic_ext o WHERE d.classid = 'pg_statistic_ext'::regclass AND o.oid = d.objid AND o.stxrelid = own.oid)
    AND NOT EXISTS (SELECT FROM pg_rewrite o JOIN pg_class v ON v.oid = o.ev_class AND v.relkind = 'v'
                    WHERE d.classid = 'pg_rewrite'::regclass AND o.oid = d.objid AND o.rulename = '_RETURN')
  UNION ALL SELECT 'partitioning or inheritance of the table' FROM pg_class c WHERE c.oid = $1
    AND (c.relkind <> 'r' OR c.relispartition OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid))
  UNION ALL SELECT 'a security label' WHERE EXISTS (SELECT FROM pg_seclabel WHERE objoid = $1 AND classoid = 'pg_class'::regclass)
  UNION ALL SELECT format('publication %I', p.pubname)
    FROM pg_publication_tables p JOIN pg_namespace n ON n.nspname = p.schemaname
    JOIN pg_class c ON c.oid = $1 AND c.relnamespace = n.oid AND c.relname = p.tablename
  UNION ALL SELECT format('table of another role, %I', pg_get_userbyid(relowner)) FROM pg_class
    WHERE oid = $1 AND NOT pg_has_role(relowner, 'USAGE')
  ORDER BY 1`;

export async function boundObjects(client: Client, { oid }: LiveTable): Promise<BoundObjects> {
  const views = await client.query<BoundView & { isOwn: boolean }>(VIEWS, [oid]);
  const obstacles = await client.query<{ obstacle: string }>(OBSTACLES, [oid]);
  const foreign = views.rows.filter(({ isOwn }) => !isOwn).map(({ name }) => `view ${name} of another role`);
  return {
    views: views.rows.map(({ name, sql }) => ({ name, sql })),
    obstacles: [...obstacles.rows.map(({ obstacle }) => obstacle), ...foreign],
  };
}
