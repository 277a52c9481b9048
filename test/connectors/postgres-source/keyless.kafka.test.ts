import { Client } from 'pg';
import { expect, test } from 'vitest';
import { acknowledged } from './acknowledged.ts';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { type Event, KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';

const STREAMING = '"msg":"streaming"';

const linesOf = (events: readonly Event[]): string[] =>
  events.map(({ value }) => String(value?.['line'])).toSorted();

/** Inserts lines, one transaction each, until `done`; each line is written once. */
async function write(url: string, name: string, done: () => boolean): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  for (let i = 0; !done(); i++) await client.query('INSERT INTO log VALUES ($1)', [`${name} ${i}`]);
  await client.end();
}

test('S72 S74 a table without a key that is added under writers: each row once, by the copy or by the stream', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.log`;
  await database.sql('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE log (line text)');
  await database.sql("INSERT INTO log SELECT 'old ' || g FROM generate_series(1, 3000) g");
  await using source = startSource(database, { tables: 'public.a', 'chunk-rows-max': '100' });
  await source.logged(STREAMING);
  const open = new Client({ connectionString: database.url });
  await open.connect();
  await open.query("BEGIN; INSERT INTO log VALUES ('before the ALTER')");
  let done = false;
  const writers = ['x', 'y', 'z'].map((name) => write(database.url, name, () => done));
  await database.sql('ALTER PUBLICATION millrace ADD TABLE log');
  await source.logged('a copy waits for the transactions that run to end');
  await database.sql('INSERT INTO a VALUES (1)');
  await view.eventsOnce(`${database.name}.public.a`, 1);
  await open.query("INSERT INTO log VALUES ('behind the ALTER'); COMMIT");
  await open.end();
  await source.logged('"msg":"table copied"');
  done = true;
  await Promise.all(writers);
  await acknowledged(database);
  const rows = await database.sql('SELECT line FROM log');
  const events = await view.eventsOnce(topic, rows.length);
  expect(linesOf(events)).toEqual(rows.flat().toSorted());
  const ops = new Set(events.map(({ op }) => op));
  expect(ops).toEqual(new Set(['r', 'c']));
  expect(new Set(events.map(({ identity }) => identity)).size).toBe(events.length);
});

test('S72 a copy of a table without a key that a kill ends is begun again: no row is missing, and it says what is double', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.log`;
  await database.sql('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE log (line text)');
  await database.sql("INSERT INTO log SELECT 'old ' || g FROM generate_series(1, 500) g");
  await using relay = await openPostgresRelay(database.url);
  const flags = { tables: 'public.a', 'chunk-rows-max': '50' };
  await using first = startSource({ ...database, url: relay.url }, flags);
  await first.logged(STREAMING);
  let marks = 0;
  relay.filterClient = (chunk) => {
    if (chunk.includes('millrace.chunk')) marks++;
    return marks > 6 && chunk.includes('millrace.chunk') ? null : chunk;
  };
  await database.sql('ALTER PUBLICATION millrace ADD TABLE log');
  // The first mark finds no topic yet, the second is the cut; parts follow it.
  await view.kafka.waitForTopics([topic], new AbortController().signal);
  await view.eventsOnce(topic, 100);
  await database.sql("INSERT INTO log VALUES ('between')");
  await expect.poll(async () => linesOf(await view.events(topic)), { timeout: 30_000 }).toContain('between');
  await first.end('SIGKILL');
  await database.sql("INSERT INTO log VALUES ('while nobody reads')");
  await using second = startSource(database, flags);
  await second.logged('the table has no key: its copy is begun again');
  await second.logged('"msg":"table copied"');
  await database.sql("INSERT INTO log VALUES ('after')");
  await expect.poll(async () => linesOf(await view.events(topic)), { timeout: 30_000 }).toContain('after');
  const lines = linesOf(await view.events(topic));
  const rows = await database.sql('SELECT line FROM log');
  expect([...new Set(lines)]).toEqual(rows.flat().toSorted());
  const times = new Map<string, number>();
  for (const line of lines) times.set(line, (times.get(line) ?? 0) + 1);
  expect(Math.max(...times.values())).toBe(2);
  expect([times.get('between'), times.get('while nobody reads'), times.get('after')]).toEqual([2, 1, 1]);
});

test('S78 a backfill of a table without a key publishes its rows once more while it is written to', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.log`;
  await database.sql('CREATE TABLE log (line text)');
  await database.sql("INSERT INTO log SELECT 'old ' || g FROM generate_series(1, 400) g");
  await using source = startSource(database, { tables: 'public.log', 'chunk-rows-max': '50' });
  await source.logged(STREAMING);
  await view.eventsOnce(topic, 400);
  const [[oid = ''] = []] = await database.sql("SELECT 'log'::regclass::oid::int8");
  let done = false;
  const writer = write(database.url, 'new', () => done);
  const request = JSON.stringify({ oid: Number(oid), where: null, signature: null });
  await database.sql(`SELECT pg_logical_emit_message(true, 'millrace.backfill', '${request}')`);
  await source.logged('"msg":"table copied"');
  done = true;
  await writer;
  await acknowledged(database);
  const written = (await database.sql("SELECT line FROM log WHERE line LIKE 'new%'")).flat();
  const events = await view.events(topic);
  const lines = linesOf(events.filter(({ op }) => op === 'c'));
  expect(lines).toEqual(written.toSorted());
  const copied = linesOf(events.filter(({ op }) => op === 'r')).filter((line) => line.startsWith('old'));
  expect(copied).toHaveLength(800);
});

test('S91 a table without a key that is dropped before its rows are read: all of them, whether it was copied or not', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE log (line text)');
  const flags = { tables: 'public.a,public.log' };
  await using first = startSource(database, flags);
  await first.logged(STREAMING);
  expect(await first.end('SIGTERM')).toBe(0);
  await database.sql("INSERT INTO log VALUES ('copied before'); CREATE TABLE brief (line text)");
  await database.sql('ALTER PUBLICATION millrace ADD TABLE brief');
  await database.sql("INSERT INTO brief VALUES ('never copied')");
  await database.sql('DROP TABLE log; DROP TABLE brief');
  await using second = startSource(database, { 'publication-name': 'millrace' });
  for (const [table, line] of [
    ['log', 'copied before'],
    ['brief', 'never copied'],
  ] as const) {
    const topic = `${database.name}.public.${table}`;
    await view.kafka.waitForTopics([topic], new AbortController().signal);
    expect(linesOf(await view.eventsOnce(topic, 1))).toEqual([line]);
  }
  await second.logged(STREAMING);
});

test('S100 a table without a key that leaves the publication and comes back: what it missed, and nothing new twice', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.log`;
  await database.sql('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE log (line text)');
  await database.sql("INSERT INTO log VALUES ('old'); CREATE PUBLICATION millrace FOR TABLE a, log");
  await using source = startSource(database);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO log VALUES ('streamed')");
  await view.eventsOnce(topic, 2);
  await database.sql("ALTER PUBLICATION millrace DROP TABLE log; INSERT INTO log VALUES ('missed')");
  const copied = async () =>
    (await readPosition(view.kafka, `${database.name}.position`, database.name))?.copies?.copied.length;
  const nudge = setInterval(() => void database.sql('INSERT INTO a SELECT count(*) FROM a'), 300);
  await expect.poll(copied, { timeout: 30_000 }).toBe(1);
  clearInterval(nudge);
  await database.sql('ALTER PUBLICATION millrace ADD TABLE log');
  await database.sql("INSERT INTO log VALUES ('back')");
  await source.logged('"msg":"table copied"');
  await database.sql("INSERT INTO log VALUES ('after')");
  await expect.poll(async () => linesOf(await view.events(topic)), { timeout: 30_000 }).toContain('after');
  expect(linesOf(await view.events(topic))).toEqual([
    'after',
    'back',
    'missed',
    'old',
    'old',
    'streamed',
    'streamed',
  ]);
});
