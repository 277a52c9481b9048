import { Failure } from '../../../infra/process/failure.ts';

interface Attempt {
  readonly url: string;
  readonly replication: boolean;
}

/** PgBouncer passes only the startup parameters it knows, and an ordinary pool has no replication. */
const POOLER = /unsupported startup parameter|replication.*not (supported|allowed)|pgbouncer/i;

/** What Node says of a certificate that it does not trust. https://nodejs.org/api/tls.html#x509-certificate-error-codes */
const UNTRUSTED = /^(DEPTH_ZERO_|SELF_SIGNED_|UNABLE_TO_|CERT_|ERR_TLS_CERT)/;
const NO_PASSWORD = /client password must be/;
const NO_TLS = /does not support SSL/;
/** How pg_hba.conf's answer ends for a session without TLS. */
const UNENCRYPTED = /no encryption|SSL off/;

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
  const tls = tlsFailure(error, code, host);
  if (tls !== null) return tls;
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
      `${UNENCRYPTED.test(error.message) ? 'it may want TLS: add sslmode=verify-full to --database-url; else ' : ''}the role must exist with LOGIN, and pg_hba.conf must let it in; the database entry covers the replication stream too`,
    );
  if (NO_PASSWORD.test(error.message))
    return refuse(
      'login_refused',
      `the server at ${host} asks for the password of role ${user}, and there is none`,
      'put it into --database-url; MILLRACE_DATABASE_URL_FILE keeps it out of the environment',
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

/** What keeps an encrypted session from coming about; null for anything else. */
function tlsFailure(error: Error, code: string, host: string): Failure | null {
  const refuse = (name: string, message: string, fix: string): Failure =>
    new Failure(`source.${name}`, 'stop', message, { cause: error, fix });
  if (UNTRUSTED.test(code))
    return refuse(
      'tls_untrusted',
      `the certificate of the server at ${host} is not trusted (${code})`,
      'name the authority that signed it, sslrootcert=/path/ca.pem in --database-url; for verify-full the certificate must be for the host of the URL',
    );
  if (NO_TLS.test(error.message))
    return refuse(
      'tls_unsupported',
      `the server at ${host} does not speak TLS, and --database-url asks for it`,
      'set ssl = on there with a certificate, or leave sslmode out',
    );
  if ((code === 'ENOENT' || code === 'EACCES') && 'path' in error)
    return refuse(
      'tls_file',
      `${String(error.path)}, which --database-url names, cannot be read (${code})`,
      'correct sslrootcert, sslcert or sslkey',
    );
  return null;
}
