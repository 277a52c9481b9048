import { type Client, escapeIdentifier } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type TableName, plainName, quotedName } from './target-table.ts';

const NO_PRIVILEGE = '42501';

/** Whether Postgres says that the role may not do it. */
export function isWithheld(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && error.code === NO_PRIVILEGE;
}

/** The role that a session logged in as, quoted. It is asked for in failed transactions too, which answer no question. */
export function roleOf(client: Client): string {
  return escapeIdentifier(client.user ?? 'PUBLIC');
}

/** @throws Failure `sink.grant_missing` (stop) where the table's schema exists and its names may not be looked up */
export async function verifySchema(client: Client, table: TableName): Promise<void> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_namespace WHERE nspname = $1 AND NOT has_schema_privilege(oid, 'USAGE')`,
    [table.schema],
  );
  if (rowCount === 0) return;
  throw new Failure('sink.grant_missing', 'stop', `the sink's role lacks USAGE on schema ${table.schema}`, {
    fix: `GRANT USAGE ON SCHEMA ${escapeIdentifier(table.schema)} TO ${roleOf(client)}`,
  });
}

interface Rights {
  readonly withheld: readonly string[];
  readonly hidesRows: boolean;
}

/**
 * Before the first row, since a right that is missing later stops all tables of the batch.
 * @throws Failure `sink.grant_missing`, `sink.row_security` (stop)
 */
export async function verifyRights(client: Client, table: TableName): Promise<void> {
  const { rows } = await client.query<Rights>(
    `SELECT ARRAY(SELECT r FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS r
                  WHERE NOT has_table_privilege(t.oid, r)) AS withheld, row_security_active(t.oid) AS "hidesRows"
     FROM to_regclass($1) AS t(oid)`,
    [quotedName(table)],
  );
  const [rights] = rows;
  const [name, role] = [plainName(table), roleOf(client)];
  if (rights !== undefined && rights.withheld.length > 0)
    throw new Failure(
      'sink.grant_missing',
      'stop',
      `the sink's role lacks ${rights.withheld.join(', ')} on ${name}`,
      { fix: `GRANT ${rights.withheld.join(', ')} ON ${quotedName(table)} TO ${role}` },
    );
  if (rights?.hidesRows === true)
    throw new Failure(
      'sink.row_security',
      'stop',
      `policies of row level security on ${name} apply to the sink's role: rows that they hide could not be deleted, without a word`,
      { fix: `ALTER ROLE ${role} BYPASSRLS, or make the role the owner of the table` },
    );
}

/** What a statement that changes the table's definition needs, for a role that is withheld it. */
export function definitionFailure(error: Error, client: Client, table: TableName, sql: string): Failure {
  const [schema, name, role] = [escapeIdentifier(table.schema), quotedName(table), roleOf(client)];
  const database = escapeIdentifier(client.database ?? '');
  const fix = sql.startsWith('CREATE SCHEMA')
    ? `CREATE SCHEMA ${schema}; GRANT USAGE, CREATE ON SCHEMA ${schema} TO ${role}; or GRANT CREATE ON DATABASE ${database} TO ${role}`
    : sql.startsWith('CREATE TABLE')
      ? `GRANT CREATE ON SCHEMA ${schema} TO ${role}; or run the statement yourself, then GRANT SELECT, INSERT, UPDATE, DELETE ON ${name} TO ${role}`
      : `run the statement as the owner of the table and start the sink again; after ALTER TABLE ${name} OWNER TO ${role} it does so by itself`;
  return new Failure(
    'sink.grant_missing',
    'stop',
    `${plainName(table)} cannot follow its topic, the sink's role may not run: ${sql}`,
    { cause: error, fix },
  );
}

/**
 * Runs what looks names up in schemas of others (types, views): a name there is an error without USAGE.
 * @throws Failure `sink.grant_missing` (stop)
 */
export async function withAccess<T>(table: TableName, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isWithheld(error)) throw error;
    throw new Failure(
      'sink.grant_missing',
      'stop',
      `the sink's role lacks a right that ${plainName(table)} needs`,
      { cause: error, fix: 'GRANT it what Postgres names: USAGE, where it is a schema or a type' },
    );
  }
}
