import { Client, type QueryArrayConfig } from 'pg';
import { Failure } from '../../../infra/process/failure.ts';

const CONNECT_MAX_MS = 10_000;
/** A table that is being altered is waited for this long. */
const LOCK_WAIT_MAX_MS = 10_000;
/** How soon a server notices that the client of a long statement is gone. */
const CLIENT_CHECK_MS = 5_000;
/** The other side's statement may take its whole time while this side's transaction waits. */
const IDLE_GRACE_MS = 60_000;

export type Side = 'source' | 'target';
/** A row as Postgres's texts, in the order of the statement's columns. */
export type TextRow = readonly (string | null)[];

export interface ReadResult {
  readonly rows: readonly TextRow[];
  readonly columns: readonly { readonly name: string; readonly typeOid: number }[];
}

/** A session that can only read; what it reads between `begin` and `end` is of one moment. */
export interface ReadSession extends AsyncDisposable {
  readonly side: Side;
  readonly begin: () => Promise<void>;
  readonly end: () => Promise<void>;
  /** @param values text parameters, arrays of them as Postgres arrays */
  readonly query: (text: string, values?: readonly unknown[]) => Promise<ReadResult>;
}

interface ReadOptions {
  readonly side: Side;
  readonly url: string;
  /** Longest time of one statement, milliseconds. */
  readonly statementTimeoutMs: number;
}

/** Equal values must have equal texts, whatever the databases and roles have set. */
function settings({ side, statementTimeoutMs }: ReadOptions): string {
  const values: Record<string, string> = {
    statement_timeout: String(statementTimeoutMs),
    lock_timeout: String(LOCK_WAIT_MAX_MS),
    idle_in_transaction_session_timeout: String(statementTimeoutMs + IDLE_GRACE_MS),
    timezone: 'UTC',
    datestyle: 'ISO, YMD',
    intervalstyle: 'postgres',
    bytea_output: 'hex',
    extra_float_digits: '1',
    xmloption: 'content',
    // the query over the source names its tables as its author does
    ...(side === 'target' ? { search_path: 'pg_catalog' } : {}),
  };
  const calls = Object.entries(values).map(([name, value]) => `set_config('${name}', '${value}', true)`);
  const check = `set_config('client_connection_check_interval', '${CLIENT_CHECK_MS}', true)`;
  return `SELECT ${calls.join(', ')}, CASE WHEN current_setting('server_version_num')::int >= 140000 THEN ${check} END`;
}

/** @throws Failure `reconcile.no_connection` (stop) */
export async function openReadSession(options: ReadOptions): Promise<ReadSession> {
  const { side, url, statementTimeoutMs } = options;
  const client = new Client({
    connectionString: url,
    application_name: 'millrace-reconcile',
    connectionTimeoutMillis: CONNECT_MAX_MS,
    query_timeout: statementTimeoutMs + IDLE_GRACE_MS,
    keepAlive: true,
  });
  // a connection that is lost between two statements fails the next one, which tells it
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    throw new Failure('reconcile.no_connection', 'stop', `the ${side} database cannot be reached`, {
      cause: error,
      fix: `correct --${side}-url`,
    });
  });
  const query = (text: string, values: readonly unknown[] = []): Promise<ReadResult> =>
    read(client, side, text, values);
  return {
    side,
    query,
    async begin() {
      await query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      await query(settings(options));
    },
    async end() {
      await query('COMMIT');
    },
    async [Symbol.asyncDispose]() {
      await client.end();
    },
  };
}

async function read(
  client: Client,
  side: Side,
  text: string,
  values: readonly unknown[],
): Promise<ReadResult> {
  const config: QueryArrayConfig & { readonly queryMode: 'extended' } = {
    text,
    values: [...values],
    rowMode: 'array',
    types: { getTypeParser: () => String },
    // one statement only: a file with several is refused
    queryMode: 'extended',
  };
  try {
    const { rows, fields } = await client.query<(string | null)[]>(config);
    return { rows, columns: fields.map(({ name, dataTypeID }) => ({ name, typeOid: dataTypeID })) };
  } catch (error) {
    throw refused(side, error);
  }
}

const STATEMENT_TIMEOUT = '57014';
const NO_PRIVILEGE = '42501';

function refused(side: Side, error: unknown): Failure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const fix = FIXES[code] ?? `run the query on the ${side} by hand: psql shows the place of the error`;
  return new Failure('reconcile.read_failed', 'stop', `the ${side} does not answer the comparison`, {
    cause: error,
    fix,
  });
}

const FIXES: Readonly<Record<string, string>> = {
  [STATEMENT_TIMEOUT]: 'give it longer, --statement-timeout-ms, or compare a part of the rows through a view',
  [NO_PRIVILEGE]: 'GRANT SELECT on the tables, and USAGE on their schema, to the role of the URL',
};
