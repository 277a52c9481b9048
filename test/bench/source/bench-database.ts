import { randomBytes } from 'node:crypto';
import { Kafka, logLevel } from 'kafkajs';
import { Client, escapeIdentifier } from 'pg';
import type { BenchPlace } from './bench-place.ts';
import { TABLES_SQL } from './orders-table.ts';

/** Longer than any statement that writes rows. */
const DROP_TRIES_MS = 50;

/** A database of one case. Its name begins the names of everything else that the case makes: topics, slots, subjects. */
export interface BenchDatabase {
  readonly name: string;
  readonly url: string;
  readonly client: Client;
  /** The first value of the first row, as text. */
  readonly value: (sql: string) => Promise<string>;
  /** Drops the database with its slots, and the topics and subjects that begin with its name. */
  readonly drop: () => Promise<void>;
}

export async function createBenchDatabase({ stack, cleanup }: BenchPlace): Promise<BenchDatabase> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  await onServer(stack.sourceUrl, `CREATE DATABASE ${escapeIdentifier(name)}`);
  const url = new URL(stack.sourceUrl);
  url.pathname = `/${name}`;
  const client = new Client({ connectionString: url.href });
  // Dropped databases and stopped servers end it from the other side.
  client.on('error', () => undefined);
  await client.connect();
  await client.query(TABLES_SQL);
  let dropped: Promise<void> | null = null;
  const drop = async (): Promise<void> => {
    await client.end();
    await dropSlots(stack.sourceUrl, name);
    await onServer(stack.sourceUrl, `DROP DATABASE IF EXISTS ${escapeIdentifier(name)} WITH (FORCE)`);
    await deleteTopics(stack.kafkaBrokers, name);
    await deleteSubjects(stack.registryUrl, name);
  };
  const database = {
    name,
    url: url.href,
    client,
    async value(sql: string) {
      const { rows } = await client.query<string[]>({ text: sql, rowMode: 'array' });
      return String(rows[0]?.[0]);
    },
    drop: () => (dropped ??= drop()),
  };
  cleanup.defer(() => database.drop());
  return database;
}

async function onServer(url: string, sql: string): Promise<string[][]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<string[]>({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

/** A slot keeps WAL for ever, and its database from being dropped. Its reader may just be going. */
async function dropSlots(url: string, database: string): Promise<void> {
  const ours = `FROM pg_replication_slots WHERE database = '${database}'`;
  for (;;) {
    await onServer(url, `SELECT pg_terminate_backend(active_pid) ${ours} AND active`);
    await onServer(url, `SELECT pg_drop_replication_slot(slot_name) ${ours} AND NOT active`);
    if ((await onServer(url, `SELECT 1 ${ours}`)).length === 0) return;
    await new Promise((resolve) => setTimeout(resolve, DROP_TRIES_MS));
  }
}

/** All topics whose names begin so. */
export async function deleteTopics(brokers: string, prefix: string): Promise<void> {
  const client = new Kafka({
    brokers: brokers.split(','),
    clientId: 'bench-topics',
    logLevel: logLevel.NOTHING,
  });
  const admin = client.admin();
  await admin.connect();
  try {
    const topics = (await admin.listTopics()).filter((topic) => topic.startsWith(prefix));
    if (topics.length > 0) await admin.deleteTopics({ topics });
  } finally {
    await admin.disconnect();
  }
}

/** All subjects whose names begin so. */
export async function deleteSubjects(registryUrl: string, prefix: string): Promise<void> {
  const subjects = (await (await fetch(`${registryUrl}/subjects`)).json()) as readonly string[];
  for (const subject of subjects)
    if (subject.startsWith(prefix))
      await fetch(`${registryUrl}/subjects/${encodeURIComponent(subject)}`, { method: 'DELETE' });
}
