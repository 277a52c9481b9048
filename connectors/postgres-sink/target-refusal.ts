import { Failure, orderFor } from '../../infra/process/failure.ts';

/**
 * What the target does not let the sink do for now, told so that an operator can mend it; any other error as it is. Codes
 * are those of https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
export function targetRefusal(error: unknown, databaseUrl: string): unknown {
  if (!(error instanceof Error) || error instanceof Failure || !('code' in error)) return error;
  const { host, pathname } = new URL(databaseUrl);
  const tell = (name: string, message: string, fix: string): Failure =>
    new Failure(`sink.${name}`, orderFor(error), message, { cause: error, fix });
  switch (error.code) {
    case '25006':
      return tell(
        'read_only',
        `the target at ${host} only reads`,
        'give the address of the primary; if this server is to become it, wait: it is asked again',
      );
    case '55P03':
      return tell(
        'locked',
        `another session of database ${decodeURIComponent(pathname.slice(1))} holds a lock that the sink has waited for in vain`,
        'find it: SELECT pid, state, xact_start, query FROM pg_stat_activity ORDER BY xact_start; the batch is tried again',
      );
    default:
      return error;
  }
}
