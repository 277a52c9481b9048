import { Client } from 'pg';
import { expect, inject, test } from 'vitest';
import { Kafka, logLevel } from 'kafkajs';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { KafkaView } from './cdc-topic.ts';
import { debeziumEvents } from './debezium-view.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, acknowledged, streamTables, told } from './streamed-tables.ts';

type Row = Readonly<Record<string, unknown>>;

const T = 'CREATE TABLE t (id int PRIMARY KEY, tenant text, v text); ALTER TABLE t REPLICA IDENTITY FULL;';

async function cleanupPolicy(topic: string): Promise<string | null | undefined> {
  const brokers = inject('kafkaBrokers').split(',');
  const admin = new Kafka({ brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: 2, name: topic, configNames: ['cleanup.policy'] }],
  });
  await admin.disconnect();
  return resources[0]?.configEntries[0]?.configValue;
}

test('S20 a key of other columns may have null in it, moves with them, and ends with its row', async () => {
  await using tables = await streamTables(
    `${T} INSERT INTO t VALUES (1, NULL, 'read'), (2, 'x', 'read')`,
    ['t'],
    { 'message-key-columns': String.raw`public\.t:tenant,id` },
  );
  const { sql } = tables.database;
  await tables.settled('t');
  await sql("INSERT INTO t VALUES (3, NULL, 'a')");
  await sql("UPDATE t SET v = 'b' WHERE id = 3");
  await sql("UPDATE t SET tenant = 'y' WHERE id = 1");
  await sql('UPDATE t SET tenant = NULL WHERE id = 2');
  await sql('DELETE FROM t WHERE id = 3');
  const events = await tables.settled('t');
  expect(told(events).slice(0, 2).toSorted()).toEqual(['r /1 read', 'r x/2 read']);
  // The two records of a row that moves share an identity.
  expect(told(events).slice(2, 4)).toEqual(['c /3 a', 'u /3 b']);
  expect(told(events).slice(4, 6).toSorted()).toEqual(['c y/1 read', 'd /1 -']);
  expect(told(events).slice(6, 8).toSorted()).toEqual(['c /2 read', 'd x/2 -']);
  expect(told(events).slice(8)).toEqual(['d /3 -']);
  expect(events[2]?.key).toEqual({ tenant: null, id: 3 });
  expect(await cleanupPolicy(tables.topicOf('t'))).toBe('compact');
  const rows = await sql('SELECT id, tenant, v FROM t');
  const folded = [...(await tables.view.table(tables.topicOf('t'))).values()];
  const texts = folded.map(({ id, tenant, v }) => [id, tenant, v].join('/'));
  expect(texts.toSorted()).toEqual(rows.map((row) => row.join('/')).toSorted());
});

/** What is left of the table when every event is applied in the order of the topic's only partition. */
function applied(events: Awaited<ReturnType<typeof debeziumEvents>>): string[] {
  const rows = new Map<string, string>();
  const key = (row: Row): string => [row['a'], row['b']].join('/');
  const text = (row: Row): string => [key(row), String(row['tenant']), row['version']].join('/');
  for (const { value } of events) {
    const [before, after] = [value?.['before'] as Row | null, value?.['after'] as Row | null];
    if (before !== null) {
      expect(rows.get(key(before)) ?? text(before)).toBe(text(before));
      rows.delete(key(before));
    }
    if (after !== null) {
      // A row that was read is what the stream has told of it, if it has.
      if (value?.['op'] === 'r') expect(rows.get(key(after)) ?? text(after)).toBe(text(after));
      rows.set(key(after), text(after));
    }
  }
  return [...rows.values()].toSorted();
}

test('S20 rows that share a key, read in chunks while they move from key to key: none is lost, none goes back', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.t`;
  // The rows of a = 1 do not change, and their own keys are, in bytes, the message keys of the tenants.
  await database.sql('CREATE TABLE t (a int, b int, tenant int, version int NOT NULL, PRIMARY KEY (a, b))');
  await database.sql('ALTER TABLE t REPLICA IDENTITY FULL');
  await database.sql(
    'INSERT INTO t SELECT 1 + g / 60, g % 60, NULLIF(g % 60, 0), 0 FROM generate_series(0, 599) g',
  );
  await using source = startSource(database, {
    tables: 'public.t',
    envelope: 'debezium',
    partitions: '1',
    'snapshot-mode': 'chunked',
    'chunk-rows-max': '7',
    'message-key-columns': 'public.t:tenant',
  });
  let done = false;
  const writer = async (): Promise<void> => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    for (let i = 0; !done; i++) {
      const key = [2 + (i % 9), (i * 37) % 60];
      if (i % 11 === 3) await client.query('DELETE FROM t WHERE a = $1 AND b = $2 AND b % 10 = 3', key);
      else
        await client.query(
          'UPDATE t SET version = version + 1, tenant = NULLIF((coalesce(tenant, 0) + 7) % 60, 0) WHERE a = $1 AND b = $2',
          key,
        );
    }
    await client.end();
  };
  const writing = writer();
  await source.logged(STREAMING);
  const position = () => readPosition(view.kafka, `${database.name}.position`, database.name);
  await expect
    .poll(async () => (await position())?.copies, { timeout: 40_000 })
    .toMatchObject({ copied: { length: 1 }, open: [] });
  done = true;
  await writing;
  await acknowledged(database);
  const events = await debeziumEvents(view, topic);
  expect(events.filter(({ value }) => value === null)).toEqual([]);
  expect(events.filter(({ value }) => value?.['op'] === 'r').length).toBeGreaterThan(300);
  expect(events.filter(({ value }) => value?.['op'] === 'd').length).toBeGreaterThan(20);
  const rows = await database.sql('SELECT a, b, tenant, version FROM t');
  expect(applied(events)).toEqual(rows.map((row) => row.map(String).join('/')).toSorted());
  expect(await cleanupPolicy(topic)).toBe('delete');
});

test('S20 the source says what a key of other columns takes', async () => {
  await using database = await createSourceDatabase();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, tenant int)');
  const flags = { tables: 'public.t', 'message-key-columns': 'public.t:tenant,id' };
  await using source = startSource(database, flags);
  expect(await source.exited).not.toBe(0);
  expect(source.log()).toContain('ALTER TABLE public.t REPLICA IDENTITY FULL');
});
