import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { type TargetSession, openTarget } from '../../../connectors/postgres-sink/target-session.ts';

/** A database of one test's own, dropped with whatever is still connected to it. */
export interface TargetDatabase extends AsyncDisposable {
  readonly url: string;
  /** A session of the test, not of the sink. */
  readonly client: Client;
  readonly openSession: (name?: string) => Promise<TargetSession>;
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
    async rows(sql) {
      const types = { getTypeParser: () => String };
      return (await client.query({ text: sql, rowMode: 'array', types })).rows;
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await onServer(serverUrl, `DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
    },
  };
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
