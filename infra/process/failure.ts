/**
 * What the runtime must do next. The name of the order, not of the symptom:
 * - `retry`: transient; the same step may be tried again after a backoff
 * - `restart`: local state is no longer trusted; drop it, start again from what is committed
 * - `fenced`: another instance owns the work now; stop doing it, never take it back by force
 * - `dead-letter`: one record is at fault; set it aside with its reason and go on
 * - `stop`: no retry can help; an operator has to act
 */
export type Order = 'retry' | 'restart' | 'fenced' | 'dead-letter' | 'stop';

interface FailureDetail {
  readonly cause?: unknown;
  /** The likely fix, in the imperative, for the person who reads the log. */
  readonly fix?: string;
}

/**
 * An operating error. `code` is stable and dotted (`source.slot_lost`); the message names the object,
 * the numbers and the likely cause.
 */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly code: string;
  readonly order: Order;
  readonly fix: string | undefined;

  constructor(code: string, order: Order, message: string, detail: FailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.order = order;
    this.fix = detail.fix;
  }
}

const RETRIABLE_SOCKET_CODES = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);

/** Postgres classes that pass by themselves: https://www.postgresql.org/docs/current/errcodes-appendix.html */
const RETRIABLE_SQLSTATES = new Set([
  '40001', // serialization_failure
  '40P01', // deadlock_detected
  '55P03', // lock_not_available
  '55006', // object_in_use: the slot is still held by a walsender that is going away
  '57P01', // admin_shutdown
  '57P02', // crash_shutdown
  '57P03', // cannot_connect_now
  '53100', // disk_full
  '53200', // out_of_memory
  '53300', // too_many_connections
  '57014', // query_canceled: statement_timeout
  '25006', // read_only_sql_transaction: a standby that is to be promoted, or was the primary until now
  '25P03', // idle_in_transaction_session_timeout: the process slept inside a transaction
]);

/** How `pg` says without a code that its connection is gone or does not answer. */
const LOST_CONNECTION =
  /Connection terminated|connection timeout|server closed the connection|timeout expired|Query read timeout|is not queryable/i;

/** The one policy table: what to do about any error that reaches a loop. Nothing else decides to retry. */
export function orderFor(error: unknown): Order {
  if (error instanceof Failure) return error.order;
  if (!(error instanceof Error)) return 'stop';
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  if (RETRIABLE_SOCKET_CODES.has(code) || RETRIABLE_SQLSTATES.has(code) || isSocketFileGone(error, code))
    return 'retry';
  if (code.startsWith('08')) return 'retry'; // connection_exception
  if (LOST_CONNECTION.test(error.message)) return 'retry';
  return error.cause === undefined ? 'stop' : orderFor(error.cause);
}

/** A server takes the file of its Unix socket with it. */
function isSocketFileGone(error: Error, code: string): boolean {
  return code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect';
}

/** SQLSTATEs whose messages quote the row's values: 22 data exception, 23 integrity constraint violation. */
const QUOTES_VALUES = /^2[23][0-9A-Z]{3}$/;

/** The message of an error as logs may have it: Postgres's own where it quotes a value is not. */
export function loggedMessage(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : '';
  return QUOTES_VALUES.test(code) ? `Postgres refuses a value (SQLSTATE ${code})` : error.message;
}

/** One line for a person: message, cause by cause, then the fix. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const parts = [loggedMessage(error)];
  let cause: unknown = error.cause;
  while (cause instanceof Error && parts.length < 5) {
    parts.push(loggedMessage(cause));
    cause = cause.cause;
  }
  const text = parts.join(': ');
  return error instanceof Failure && error.fix !== undefined ? `${text}\n  fix: ${error.fix}` : text;
}
