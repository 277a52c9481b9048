import { escapeIdentifier, escapeLiteral } from 'pg';
import { OWN_OBJECTS, ownGrants } from './own-tables.ts';
import { type TableName, quotedName } from './target-table.ts';

/** The role that a sink logs in as, and what it shall fill. */
export interface SinkRole {
  /** Name of the Postgres role. */
  readonly user: string;
  /** At least one. */
  readonly tables: readonly TableName[];
  /** Whether it makes the tables, owns them and changes them with their topics; else it only writes rows of tables that are there. */
  readonly createTables: boolean;
  /** Most sessions of the role at once. */
  readonly connectionLimit: number;
}

/** A role that reads what a sink fills. */
export interface ReaderRole {
  readonly user: string;
  readonly tables: readonly TableName[];
  /** The sink's role, where that makes the tables; null where all of them are there. */
  readonly sinkUser: string | null;
}

/**
 * SQL that gives a role what the sink needs and nothing more, to be run in the target database by a superuser or its owner
 * (who needs CREATEROLE). It may be run again: what is there stays. The sink's own tables belong to who runs it, so that the
 * role can neither change nor drop them.
 */
export function sinkRoleSql(role: SinkRole): string {
  const { user, tables, createTables, connectionLimit } = role;
  const name = escapeIdentifier(user);
  const schemas = schemasOf(tables);
  return script([
    `-- What the sink needs. Run it in the target database; run it again after a change of the tables.`,
    createRole(user),
    `ALTER ROLE ${name} LOGIN CONNECTION LIMIT ${connectionLimit};`,
    `-- It has no password yet: \\password ${oneLine(user)}, or ALTER ROLE ${name} PASSWORD ...`,
    `-- The sink's sessions set these themselves; here they bound whoever else logs in as it.`,
    ...SETTINGS.map((setting) => `ALTER ROLE ${name} SET ${setting};`),
    grantConnect(user),
    `-- Where the sink keeps its place. What is there stays.`,
    ...OWN_OBJECTS.map((sql) => `${sql.trim()};`),
    ...ownGrants(user),
    ...schemas.map((schema) =>
      createTables ? createSchema(schema) : `-- Schema ${oneLine(schema)} and its tables are there.`,
    ),
    ...schemas.map(
      (schema) =>
        `GRANT USAGE${createTables ? ', CREATE' : ''} ON SCHEMA ${escapeIdentifier(schema)} TO ${name};`,
    ),
    ...tables.map((table) => {
      const grant = `GRANT SELECT, INSERT, UPDATE, DELETE ON ${quotedName(table)} TO ${name};`;
      return createTables ? whereForeign(table, user, grant) : grant;
    }),
  ]);
}

/**
 * SQL that lets a role read the tables and wait for them with `millrace.wait_for`. To be run after {@link sinkRoleSql}, by
 * the same administrator; it may be run again.
 */
export function readerRoleSql({ user, tables, sinkUser }: ReaderRole): string {
  const name = escapeIdentifier(user);
  return script([
    `-- What a reader needs. Run it in the target database, after the SQL of the sink's role.`,
    createRole(user),
    `-- It is a group: GRANT ${oneLine(name)} TO whoever reads.`,
    grantConnect(user),
    `GRANT USAGE ON SCHEMA millrace TO ${name};`,
    `GRANT SELECT ON millrace.progress TO ${name};`,
    `GRANT EXECUTE ON FUNCTION millrace.wait_for(text, pg_lsn, interval) TO ${name};`,
    ...schemasOf(tables).map((schema) => `GRANT USAGE ON SCHEMA ${escapeIdentifier(schema)} TO ${name};`),
    ...(sinkUser === null ? [] : membership(sinkUser)),
    ...tables.map((table) => {
      const grant = `GRANT SELECT ON ${quotedName(table)} TO ${name};`;
      return sinkUser === null ? grant : whereThere(table, grant);
    }),
    ...(sinkUser === null
      ? []
      : [
          `-- Tables that the sink makes later in these schemas can be read too, those that are not named here among them.`,
          ...schemasOf(tables).map(
            (schema) =>
              `ALTER DEFAULT PRIVILEGES FOR ROLE ${escapeIdentifier(sinkUser)} IN SCHEMA ${escapeIdentifier(schema)} GRANT SELECT ON TABLES TO ${name};`,
          ),
        ]),
  ]);
}

const SETTINGS = [
  'search_path = pg_catalog',
  `statement_timeout = '60s'`,
  `lock_timeout = '5s'`,
  `idle_in_transaction_session_timeout = '10s'`,
];

/** Names in the body must not end its quotation. */
function doBlock(body: string): string {
  let tag = '$$';
  for (let i = 0; body.includes(tag); i++) tag = `$m${i}$`;
  return `DO ${tag} BEGIN\n${body}\nEND ${tag};`;
}

function script(parts: readonly string[]): string {
  return `${parts.join('\n')}\n`;
}

/** A name in a comment must not end it. */
function oneLine(name: string): string {
  return name.replaceAll(/[\r\n]/g, ' ');
}

function createRole(user: string): string {
  return doBlock(`  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ${escapeLiteral(user)}) THEN
    CREATE ROLE ${escapeIdentifier(user)};
  END IF;`);
}

/** GRANT takes no expression for the database's name. */
function grantConnect(user: string): string {
  return doBlock(
    `  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), ${escapeLiteral(user)});`,
  );
}

/** CREATE SCHEMA IF NOT EXISTS demands the right to create schemas where there is nothing to create, too. */
function createSchema(schema: string): string {
  return doBlock(`  IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = ${escapeLiteral(schema)}) THEN
    CREATE SCHEMA ${escapeIdentifier(schema)};
  END IF;`);
}

/** Default privileges of a role are its members' to change; who creates a role is none by itself. */
function membership(sinkUser: string): string[] {
  return [
    doBlock(`  IF NOT pg_has_role(${escapeLiteral(sinkUser)}, 'USAGE') THEN
    EXECUTE format('GRANT %I TO %I', ${escapeLiteral(sinkUser)}, current_user);
  END IF;`),
  ];
}

function whereThere(table: TableName, grant: string): string {
  return doBlock(`  IF to_regclass(${escapeLiteral(quotedName(table))}) IS NOT NULL THEN
    ${grant}
  END IF;`);
}

/** A table of the sink's own needs no grant, which an administrator who is no superuser could not give either. */
function whereForeign(table: TableName, user: string, grant: string): string {
  return doBlock(`  IF EXISTS (SELECT FROM pg_class WHERE oid = to_regclass(${escapeLiteral(quotedName(table))})
             AND relowner <> ${escapeLiteral(escapeIdentifier(user))}::regrole) THEN
    ${grant}
  END IF;`);
}

function schemasOf(tables: readonly TableName[]): string[] {
  return [...new Set(tables.map(({ schema }) => schema))];
}
