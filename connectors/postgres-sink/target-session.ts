import { Socket } from 'node:net';
import { Client } from 'pg';
import type { Clock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import { connectFailure } from './connect-failure.ts';

const CONNECT_MAX_MS = 5_000;
const STATEMENT_MAX_MS = 60_000;
/** How long a row or table lock of somebody else is waited for before the batch is tried again. */
const LOCK_WAIT_MAX_MS = 5_000;
/** A sink that sleeps inside a transaction (paused, swapped out) must not hold its successor off for longer. */
const IDLE_IN_TRANSACTION_MAX_MS = 10_000;
/** What the client waits beyond the server's own limit, before it gives a half-open connection up. */
const ANSWER_GRACE_MS = 5_000;

/**
 * How long the answer of a query is waited for that is sent behind others, before theirs: each may take its time.
 * Milliseconds.
 */
export function answerMaxMs(behind: number): number {
  return (behind + 1) * STATEMENT_MAX_MS + ANSWER_GRACE_MS;
}

/** How long a closing session is waited for before its socket is destroyed: the other end may be gone. */
const CLOSE_MAX_MS = 1_000;

/**
 * What every session of the sink pins, whatever the database's or role's defaults are. `synchronous_commit = off` is
 * right here: rows and offset are lost together if the server crashes, and the topic still has the records.
 */
const SETTINGS = [
  'synchronous_commit = off',
  `lock_timeout = ${LOCK_WAIT_MAX_MS}`,
  `idle_in_transaction_session_timeout = ${IDLE_IN_TRANSACTION_MAX_MS}`,
  'search_path = pg_catalog',
  `timezone = 'UTC'`,
  `datestyle = 'ISO, YMD'`,
  `intervalstyle = 'postgres'`,
  'standard_conforming_strings = on',
  // what the texts of money, arrays and xml mean
  `lc_monetary = 'C'`,
  'array_nulls = on',
  'xmloption = content',
];

/**
 * A session in the target database. Queries that are not awaited go one behind the other, in their order, and an error of one
 * does not keep the next from being sent. Disposing it rolls back what is open.
 */
export interface TargetSession extends AsyncDisposable {
  readonly client: Client;
}

export interface TargetOptions {
  readonly databaseUrl: string;
  readonly applicationName: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Longest time of one statement, milliseconds. Default 60000. */
  readonly statementMaxMs?: number;
}

/** @throws Failure `sink.no_connect`, `sink.login_refused`, `sink.no_database` (stop), and whatever else Postgres or the socket answers; the policy table knows which of it passes */
export async function openTarget(options: TargetOptions): Promise<TargetSession> {
  const { statementMaxMs = STATEMENT_MAX_MS } = options;
  const socket = new Socket();
  const client = new Client({
    stream: () => socket,
    connectionString: options.databaseUrl,
    application_name: options.applicationName,
    connectionTimeoutMillis: CONNECT_MAX_MS,
    query_timeout: statementMaxMs + ANSWER_GRACE_MS,
    keepAlive: true,
    // queries are sent without waiting for the answers of those before; each still is answered by itself
    pipeline: true,
  });
  // an idle client that loses its connection emits; the next query fails, and that is where it is dealt with
  client.on('error', (error) => options.log.warn({ reason: describe(error) }, 'target connection lost'));
  await client.connect().catch((error: unknown) => {
    throw connectFailure(error, client.user ?? '', client.database ?? '') ?? error;
  });
  const settings = [...SETTINGS, `statement_timeout = ${statementMaxMs}`];
  await client.query(settings.map((setting) => `SET ${setting}`).join('; '));
  return {
    client,
    async [Symbol.asyncDispose]() {
      const ended = client.end().catch((error: unknown) => {
        options.log.debug({ reason: describe(error) }, 'target connection was gone already');
      });
      const patience = new AbortController();
      await Promise.race([ended, options.clock.sleep(CLOSE_MAX_MS, patience.signal)]);
      patience.abort();
      socket.destroy();
    },
  };
}
