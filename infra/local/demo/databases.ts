import { Client, escapeIdentifier, escapeLiteral } from 'pg';

/** Rounds of 50 ms. */
const DROP_SLOT_ROUNDS = 100;

/** The URL of another database on the same server. */
function databaseUrl(serverUrl: string, database: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${database}`;
  return url.href;
}

/** Creates an empty database and returns its URL. */
export async function createDatabase(serverUrl: string, database: string): Promise<string> {
  await runOn(serverUrl, `CREATE DATABASE ${escapeIdentifier(database)}`);
  return databaseUrl(serverUrl, database);
}

/**
 * Drops the database with its replication slots and whoever is still connected. A walsender needs a moment to notice
 * that its reader is gone; until then its slot cannot be dropped, nor the database.
 */
export async function dropDatabase(serverUrl: string, database: string): Promise<void> {
  await runOn(
    serverUrl,
    `DO $$ BEGIN
      FOR round IN 1..${DROP_SLOT_ROUNDS} LOOP
        PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots
          WHERE database = ${escapeLiteral(database)} AND active;
        PERFORM pg_drop_replication_slot(slot_name) FROM pg_replication_slots
          WHERE database = ${escapeLiteral(database)} AND NOT active;
        EXIT WHEN NOT EXISTS (SELECT FROM pg_replication_slots WHERE database = ${escapeLiteral(database)});
        PERFORM pg_sleep(0.05);
      END LOOP;
    END $$`,
  );
  await runOn(serverUrl, `DROP DATABASE IF EXISTS ${escapeIdentifier(database)} WITH (FORCE)`);
}

async function runOn(serverUrl: string, sql: string): Promise<void> {
  const client = await connect(serverUrl);
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** A connected client. A connection that the server ends is an error of the next query, not of the process. */
export async function connect(url: string): Promise<Client> {
  const client = new Client({ connectionString: url, application_name: 'millrace-demo' });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
