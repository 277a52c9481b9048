import { Failure } from '../../infra/process/failure.ts';

/** How `pg` says it, without a code. */
const NO_PASSWORD = /client password must be/;

/**
 * A refused login, told so that an operator can mend it; null for what passes by itself or speaks for itself. Codes
 * are those of https://www.postgresql.org/docs/current/errcodes-appendix.html
 * @param user as the client logs in
 */
export function connectFailure(error: unknown, user: string, database: string): Failure | null {
  if (!(error instanceof Error)) return null;
  const refuse = (name: string, message: string, fix: string): Failure =>
    new Failure(`sink.${name}`, 'stop', message, { cause: error, fix });
  if (NO_PASSWORD.test(error.message))
    return refuse(
      'login_refused',
      `the target asks for the password of role ${user}, and there is none`,
      'put it into --database-url; MILLRACE_DATABASE_URL_FILE keeps it out of the environment',
    );
  if (!('code' in error)) return null;
  switch (error.code) {
    case '42501':
      return refuse(
        'no_connect',
        `role ${user} may not connect to database ${database}`,
        `GRANT CONNECT ON DATABASE ${quoted(database)} TO ${quoted(user)}`,
      );
    case '28000':
      return refuse(
        'login_refused',
        `the target refuses role ${user} in database ${database}`,
        'the role must exist with LOGIN (millrace sql --role sink prints what makes it), and pg_hba.conf must let it in',
      );
    case '28P01':
      return refuse(
        'login_refused',
        `the password of role ${user} is wrong`,
        'correct the URL of the target; MILLRACE_DATABASE_URL_FILE keeps it out of the environment',
      );
    case '3D000':
      return refuse('no_database', `database ${database} does not exist`, 'correct the URL of the target');
    default:
      return null;
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
