import { randomBytes } from 'node:crypto';
import { Client, escapeIdentifier } from 'pg';
import { inject } from 'vitest';
import { sinkRoleSql } from '../../../connectors/postgres-sink/sink-role.ts';
import { parseTableName } from '../../../connectors/postgres-sink/table-name.ts';
import { sourceRoleSql } from '../../../connectors/postgres-source/source-role.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import type {} from '../../support/global-stack.ts';

// A query on the heels of the last one takes the processor from what is waited for.
const POLL_MS = 5;

/** A database of one test's own; its name also serves as slot name and topic prefix. */
export interface SourceDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
  /** A session of the test. */
  readonly client: Client;
  /** Runs SQL and gives the rows as arrays of text. */
  readonly sql: (text: string) => Promise<string[][]>;
  /** Runs `query` until its first value is true. */
  readonly until: (query: string) => Promise<void>;
  /**
   * Runs the SQL that `sql.ts` prints for these tables, and gives the URL of the role it makes: a source needs nothing
   * more. It may be called again with more tables.
   */
  readonly grantSource: (tables: readonly string[]) => Promise<string>;
  /** The same for a sink that fills tables of this database, by `sql --role sink`. */
  readonly grantSink: (tables: readonly string[]) => Promise<string>;
}

/**
 * @param options of CREATE DATABASE, as SQL
 * @param serverUrl superuser's URL of the server, where it is not that of all tests
 */
export async function createSourceDatabase(
  options = '',
  serverUrl = inject('sourceUrl'),
): Promise<SourceDatabase> {
  const name = `source_${randomBytes(5).toString('hex')}`;
  const onServer = (statement: string): Promise<void> => runOnce(serverUrl, statement);
  await onServer(`CREATE DATABASE ${escapeIdentifier(name)} ${options}`);
  const sinkUser = `${name}_sink`;
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  const client = new Client({ connectionString: url.href });
  client.on('error', () => undefined);
  await client.connect();
  const sql = async (text: string): Promise<string[][]> => {
    const types = { getTypeParser: () => String };
    const result = await client.query({ text, rowMode: 'array', types });
    return result.rows as string[][];
  };
  return {
    name,
    url: url.href,
    client,
    sql,
    async until(query) {
      while ((await sql(query))[0]?.[0] !== 't') await systemClock.sleep(POLL_MS);
    },
    async grantSource(tables) {
      await client.query(sourceRoleSql({ user: name, tables, publicationName: 'millrace', slotName: name }));
      const roleUrl = new URL(url);
      roleUrl.username = name;
      return roleUrl.href;
    },
    async grantSink(tables) {
      const role = {
        user: sinkUser,
        tables: tables.map(parseTableName),
        createTables: true,
        connectionLimit: 9,
      };
      await client.query(sinkRoleSql(role));
      const roleUrl = new URL(url);
      roleUrl.username = sinkUser;
      return roleUrl.href;
    },
    async [Symbol.asyncDispose]() {
      await client.end();
      await dropSlots(serverUrl, name);
      await onServer(`DROP DATABASE ${escapeIdentifier(name)} WITH (FORCE)`);
      await onServer(`DROP ROLE IF EXISTS ${escapeIdentifier(name)}`);
      await onServer(`DROP ROLE IF EXISTS ${escapeIdentifier(sinkUser)}`);
    },
  };
}

/** A slot keeps WAL for ever, and its database from being dropped. */
async function dropSlots(serverUrl: string, database: string): Promise<void> {
  await runOnce(
    serverUrl,
    `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '${database}' AND active`,
  );
  await runOnce(
    serverUrl,
    `DO $$ DECLARE s name; BEGIN
    FOR s IN SELECT slot_name FROM pg_replication_slots WHERE database = '${database}' LOOP
      WHILE (SELECT active FROM pg_replication_slots WHERE slot_name = s) LOOP PERFORM pg_sleep(0.01); END LOOP;
      PERFORM pg_drop_replication_slot(s);
    END LOOP; END $$`,
  );
}

async function runOnce(serverUrl: string, sql: string): Promise<void> {
  const client = new Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
