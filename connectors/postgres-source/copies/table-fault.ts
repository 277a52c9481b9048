/**
 * What makes one table unreadable and leaves the others alone: a value that its row filter or a generated column cannot
 * take, names and shapes that have changed, a right that nobody has granted yet, damaged pages or indexes, a file that is
 * missing, a lock that is not given.
 * https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
const TABLES_OWN = /^(22...|42...|XX00[0-2]|58P01|55P03|0A000)$/;

/** True for an error of Postgres that belongs to the table that was read. */
export function isTablesOwn(error: unknown): boolean {
  return TABLES_OWN.test(sqlState(error));
}

/** The SQLSTATE of an error of Postgres; empty for others. */
export function sqlState(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
