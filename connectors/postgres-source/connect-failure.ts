import { Failure } from '../../infra/process/failure.ts';

interface Attempt {
  readonly url: string;
  readonly replication: boolean;
}

/** PgBouncer passes only the startup parameters it knows, and an ordinary pool has no replication. */
const POOLER = /unsupported startup parameter|replication.*not (supported|allowed)|pgbouncer/i;

/**
 * A refused login, told so that an operator can mend it; null for what passes by itself or speaks for itself. Codes
 * are those of https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function connectFailure(error: unknown, attempt: Attempt): Failure | null {
  if (!(error instanceof Error)) return null;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  const { host, pathname, username } = new URL(attempt.url);
  const database = decodeURIComponent(pathname.slice(1));
  const user = decodeURIComponent(username);
  const refuse = (name: string, message: string, fix: string): Failure =>
    new Failure(`source.${name}`, 'stop', message, { cause: error, fix });
  if (POOLER.test(error.message))
    return refuse(
      'pooler',
      `a connection pooler answers at ${host}: replication does not go through it`,
      'give the address of the Postgres server itself',
    );
  if (code === '42501' && attempt.replication)
    return refuse(
      'no_replication',
      `role ${user} may not replicate`,
      `ALTER ROLE "${user}" REPLICATION; node connectors/postgres-source/sql.ts prints all that the role needs`,
    );
  if (code === '42501')
    return refuse(
      'no_connect',
      `role ${user} may not connect to database ${database}`,
      `GRANT CONNECT ON DATABASE "${database}" TO "${user}"`,
    );
  if (code === '28000')
    return refuse(
      'login_refused',
      `the server at ${host} refuses role ${user} in database ${database}`,
      'the role must exist with LOGIN, and pg_hba.conf must let it in; the database entry covers the replication stream too',
    );
  if (code === '28P01')
    return refuse(
      'login_refused',
      `the password of role ${user} is wrong at ${host}`,
      'correct --database-url',
    );
  if (code === '3D000')
    return refuse('no_database', `database ${database} does not exist at ${host}`, 'correct --database-url');
  return null;
}
