/**
 * Settings that decide how Postgres prints values and how long it lets a session be. They are pinned in the startup
 * packet, so that no role, database or server default changes what a text means.
 */
const PRINTING = {
  DateStyle: 'ISO',
  IntervalStyle: 'iso_8601',
  TimeZone: 'UTC',
  extra_float_digits: '3',
  bytea_output: 'hex',
  lc_monetary: 'C',
  client_encoding: 'UTF8',
  search_path: '',
  // Rows that a policy hides are an error, not missing.
  row_security: 'off',
} as const;

const PATIENCE = {
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // Marks and probes do not wait for a synchronous standby that hangs.
  synchronous_commit: 'local',
} as const;

interface SessionRequest {
  /** `postgres://` URL of the source database. */
  readonly url: string;
  /** A walsender session that also takes plain SQL, or an ordinary one. */
  readonly replication: boolean;
  readonly applicationName: string;
}

/** The URL with the session's settings in it; what the URL itself asks for comes first. */
export function sessionUrl(request: SessionRequest): string {
  const url = new URL(request.url);
  const pinned = Object.entries({ ...PRINTING, ...PATIENCE }).map(([name, value]) => `-c ${name}=${value}`);
  const asked = url.searchParams.get('options');
  url.searchParams.set('options', [...(asked === null ? [] : [asked]), ...pinned].join(' '));
  // sslmode means what it means to libpq; pg alone takes every mode for verify-full, for now.
  if (!url.searchParams.has('uselibpqcompat')) url.searchParams.set('uselibpqcompat', 'true');
  url.searchParams.set('application_name', request.applicationName);
  if (request.replication) url.searchParams.set('replication', 'database');
  return url.href.replaceAll('+', '%20');
}
