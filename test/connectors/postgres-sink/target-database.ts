import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { sinkRoleSql } from '../../../connectors/postgres-sink/sink-role.ts';
import { parseTableName } from '../../../connectors/postgres-sink/table-name.ts';
import { type TargetSession, openTarget } from '../../../connectors/postgres-sink/target-session.ts';

/** A database of one test's own, dropped with whatever is still connected to it. */
export interface TargetDatabase extends AsyncDisposable {
  readonly url: string;
  /** A session of the test, not of the sink. */
  readonly client: Client;
  readonly openSession: (name?: string) => Promise<TargetSession>;
  /**
   * Runs the SQL that `millrace sql --role sink` prints for these tables, and gives the URL of the role it makes: a sink
   * needs nothing more. Tables that the test itself makes in schema public later may be written too. May be called again.
   */
  readonly grantSink: (tables: readonly string[]) => Promise<string>;
  /** Rows of a query as arrays of text, in its order. */
  readonly rows: (sql: string) => Promise<unknown[][]>;
}

export function randomSuffix(): string {
  return randomBytes(5).toString('hex');
}

export async function createTargetDatabase(serverUrl: string): Promise<TargetDatabase> {
  const name = `sink_${randomSuffix()}`;
  await onServer(serverUrl, `CREATE DATABASE ${escapeIdentifier(name)}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const client = new Client({ connectionString: url.href });
  client.on('error', () => undefined);
  await client.connect();
  return {
    url: url.href,
    client,
    openSession: (session = 'test') =>
      openTarget({
        databaseUrl: url.href,
        applicationName: `millrace-sink:${session}`,
        log: silentLog,
        clock: systemClock,
      }),
    async grantSink(tables) {
      const role = {
        user: name,
        tables: tables.map(parseTableName),
        createTables: true,
        connectionLimit: 20,
      };
      await client.query(sinkRoleSql(role));
      await client.query(
        `ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO ${escapeIdentifier(name)}`,
      );
      return urlOf(url, name);
    },
    async rows(sql) {
      const types = { getTypeParser: () => String };
      return (await client.query({ text: sql, rowMode: 'array', types })).rows;
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await onServer(serverUrl, `DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
      await onServer(serverUrl, `DROP ROLE IF EXISTS ${escapeIdentifier(name)}`);
    },
  };
}

/** The same database, as another role. */
export function urlOf(url: string | URL, user: string): string {
  const other = new URL(url);
  other.username = user;
  return other.href;
}

async function onServer(serverUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
