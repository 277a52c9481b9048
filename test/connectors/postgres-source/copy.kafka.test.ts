import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { type ProgressCut, decodeProgress } from '../../../schemas/progress.ts';
import { type Event, KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { type SourceProcess, startSource } from './source-process.ts';

const STREAMING = '"msg":"streaming"';
const BACKFILL = fileURLToPath(new URL('../../../connectors/postgres-source/backfill.ts', import.meta.url));

function startCopying(database: SourceDatabase, flags: Readonly<Record<string, string>>): SourceProcess {
  return startSource(database, { 'snapshot-mode': 'chunked', ...flags });
}

async function acknowledged(database: SourceDatabase): Promise<void> {
  const [[lsn = ''] = []] = await database.sql('SELECT pg_current_wal_lsn()');
  await database.until(
    `SELECT confirmed_flush_lsn >= '${lsn}' FROM pg_replication_slots WHERE slot_name = '${database.name}'`,
  );
}

const keyOf = (event: Event): string => Object.values(event.key ?? {}).join('/');

/** Every event once; the two records of a changed key share an identity and differ in the key. */
function expectNoDuplicates(events: readonly Event[]): void {
  const all = events.map((event) => `${event.identity} ${keyOf(event)}`);
  expect(all.length).toBe(new Set(all).size);
}

/** The topic folded by key is the table: `columns` of every row, as texts. */
async function expectTable(
  database: SourceDatabase,
  view: KafkaView,
  table: string,
  columns: readonly string[],
): Promise<void> {
  const rows = await database.sql(
    `SELECT ${columns.map((column) => `${column}::text`).join(', ')} FROM ${table}`,
  );
  const folded = [...(await view.table(`${database.name}.public.${table}`)).values()];
  const texts = folded.map((row) => columns.map((column) => row[column] ?? null).map(textOf));
  expect(texts.map(String).toSorted()).toEqual(rows.map(String).toSorted());
}

const textOf = (value: unknown): string =>
  typeof value === 'object' ? '' : String(value as string | bigint);

/** The tables are in Kafka, as the position says. */
async function copied(database: SourceDatabase, view: KafkaView, tables: number): Promise<void> {
  const position = () => readPosition(view.kafka, `${database.name}.position`, database.name);
  await expect
    .poll(async () => (await position())?.copies, { timeout: 40_000 })
    .toMatchObject({ copied: { length: tables }, open: [] });
}

async function newestCut(database: SourceDatabase, view: KafkaView): Promise<ProgressCut | null> {
  const value = (await view.records(progressTopicName(database.name))).at(-1)?.value ?? null;
  return value === null ? null : decodeProgress(value);
}

test('S67 S68 S70 S79 S79b rows that change, move, go and come while chunks are read: none goes back, none is lost', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, version int NOT NULL)');
  await database.sql('INSERT INTO t SELECT g, 0 FROM generate_series(1, 600) g');
  await using source = startCopying(database, { tables: 'public.t', 'chunk-rows-max': '7' });
  let done = false;
  const writer = async (seed: number): Promise<void> => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    for (let i = 0; !done; i++) {
      const id = ((i * 37 + seed * 101) % 700) + 1;
      // A key is not used again once its row has gone: versions of one key only ever grow.
      if (i % 9 === 3) await client.query('DELETE FROM t WHERE id = $1 AND id % 10 = 3', [id]);
      else if (i % 9 === 5)
        await client.query('UPDATE t SET id = id + 5000 WHERE id = $1 AND id % 10 = 4', [id]);
      else if (i % 9 === 7) await client.query('INSERT INTO t VALUES ($1, 0)', [10_000 + seed * 100_000 + i]);
      else await client.query('UPDATE t SET version = version + 1 WHERE id = $1', [id]);
    }
    await client.end();
  };
  const writers = [1, 2, 3].map(writer);
  await source.logged(STREAMING);
  done = true;
  await Promise.all(writers);
  await acknowledged(database);
  await expectTable(database, view, 't', ['id', 'version']);
  const topic = `${database.name}.public.t`;
  const events = await view.events(topic);
  expectNoDuplicates(events);
  expect(events.filter(({ op }) => op === 'r').length).toBeGreaterThan(300);
  const versions = new Map<string, number>();
  for (const event of events.toSorted(
    (x, y) => x.record.partition - y.record.partition || x.record.offset - y.record.offset,
  )) {
    const version = Number(event.value?.['version'] ?? Number.MAX_SAFE_INTEGER);
    expect(version).toBeGreaterThanOrEqual(versions.get(keyOf(event)) ?? 0);
    versions.set(keyOf(event), version);
  }
  const { body } = await source.get('/metrics');
  expect(body).toMatch(
    /millrace_snapshot_chunks_total\{schema="public",table="t",result="published"\} \d{2}/,
  );
  expect(body).toContain('millrace_snapshot_progress_ratio{schema="public",table="t"} 1');
});

test('S69 killed at chunks in the middle, before a chunk is marked, and before its mark is streamed: no row twice', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.t`;
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, note text)');
  await database.sql("INSERT INTO t SELECT g, 'old' FROM generate_series(1, 1000) g");
  const flags = { tables: 'public.t', 'chunk-rows-max': '20' };
  await using relay = await openPostgresRelay(database.url);
  const behind = { ...database, url: relay.url };

  let marks = 0;
  const stopped = Promise.withResolvers<void>();
  relay.filterClient = (chunk) => {
    if (chunk.includes('millrace.chunk') && ++marks >= 5) stopped.resolve();
    return marks >= 5 && chunk.includes('millrace.chunk') ? null : chunk;
  };
  await using first = startCopying(behind, flags);
  await stopped.promise;
  await view.eventsOnce(topic, 80);
  await first.end('SIGKILL');

  relay.filterClient = (chunk) => chunk;
  const unread = Promise.withResolvers<void>();
  let seen = 0;
  let shut = false;
  relay.filterServer = (chunk) => {
    // The messages that were not acknowledged come again first.
    if (chunk.includes('millrace.chunk') && ++seen >= 8) shut = true;
    if (shut && chunk.includes('millrace.chunk')) unread.resolve();
    return shut ? null : chunk;
  };
  await using second = startCopying(behind, flags);
  await unread.promise;
  await second.end('SIGKILL');
  relay.filterServer = (chunk) => chunk;

  for (const rows of [300, 500]) {
    await using next = startCopying(behind, flags);
    await view.eventsOnce(topic, rows);
    await next.end('SIGKILL');
  }
  await database.sql("UPDATE t SET note = 'new' WHERE id % 100 = 0; DELETE FROM t WHERE id = 999");
  await using last = startCopying(database, flags);
  await last.logged(STREAMING);
  await acknowledged(database);
  const events = await view.events(topic);
  expectNoDuplicates(events);
  const read = events.filter(({ op }) => op === 'r').map(keyOf);
  expect(read.length).toBe(new Set(read).size);
  await expectTable(database, view, 't', ['id', 'note']);
});

test('S74 a table that is added while a writer is open: every row, and the other table streams on', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, note text)');
  await database.sql("INSERT INTO b SELECT g, 'there before' FROM generate_series(1, 500) g");
  await using source = startCopying(database, { tables: 'public.a', 'chunk-rows-max': '50' });
  await source.logged(STREAMING);
  const writer = new Client({ connectionString: database.url });
  await writer.connect();
  await writer.query(
    "BEGIN; INSERT INTO b VALUES (1001, 'before the ALTER'); UPDATE b SET note = 'x' WHERE id = 7",
  );
  await database.sql(`ALTER PUBLICATION millrace ADD TABLE b`);
  await source.logged('a copy waits for the transactions that run to end');
  await database.sql('INSERT INTO a VALUES (1)');
  await view.eventsOnce(`${database.name}.public.a`, 1);
  await database.sql("INSERT INTO b VALUES (1003, 'beside')");
  // Nobody may take the topic for its table yet.
  const b = `${database.name}.public.b`;
  const incomplete = async (): Promise<readonly string[]> =>
    (await newestCut(database, view))?.incomplete ?? [];
  await expect.poll(incomplete, { timeout: 20_000 }).toEqual([b]);
  await writer.query("INSERT INTO b VALUES (1002, 'behind the ALTER'); COMMIT");
  await writer.end();
  await source.logged('table copied');
  await acknowledged(database);
  await copied(database, view, 2);
  await expectTable(database, view, 'b', ['id', 'note']);
  expectNoDuplicates(await view.events(b));
  await expect.poll(incomplete, { timeout: 20_000 }).toEqual([]);
});

test('S71 S73 composite keys, texts in a language’s order, uuids, an empty table: all rows once', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`
    CREATE TABLE pair (a text COLLATE "und-x-icu", b numeric(6,2), note text, PRIMARY KEY (b, a));
    INSERT INTO pair SELECT chr(65 + g % 50) || chr(230 + g % 7) || '''\\', (g % 11) - 5.5, g FROM generate_series(1, 300) g
      ON CONFLICT DO NOTHING;
    CREATE TABLE ids (id uuid PRIMARY KEY, at timestamptz NOT NULL);
    INSERT INTO ids SELECT gen_random_uuid(), now() FROM generate_series(1, 200);
    CREATE DOMAIN code AS varchar(9);
    CREATE TABLE coded (c code PRIMARY KEY);
    INSERT INTO coded SELECT 'c' || g FROM generate_series(1, 200) g;
    CREATE TABLE empty (id int PRIMARY KEY);
    CREATE TABLE line (text text);
    INSERT INTO line SELECT 'l' || g FROM generate_series(1, 100) g`);
  const tables = 'public.pair,public.ids,public.coded,public.empty,public.line';
  await using source = startCopying(database, { tables, 'chunk-rows-max': '30' });
  await source.logged(STREAMING);
  await copied(database, view, 5);
  for (const table of ['pair', 'ids', 'coded', 'empty', 'line']) {
    const [[count = ''] = []] = await database.sql(`SELECT count(*) FROM ${table}`);
    // Each partition shows a transaction by its own marker, some milliseconds apart.
    const events = await view.eventsOnce(`${database.name}.public.${table}`, Number(count));
    expect([table, events.length]).toEqual([table, Number(count)]);
    expectNoDuplicates(events);
  }
  await expectTable(database, view, 'coded', ['c']);
});

test('S75 S80 a table that is dropped, or leaves the publication, while it waits to be copied: the others go on', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  for (const table of ['a', 'b', 'c']) {
    await database.sql(`CREATE TABLE ${table} (id int PRIMARY KEY)`);
    await database.sql(`INSERT INTO ${table} SELECT generate_series(1, 300)`);
  }
  const holder = new Client({ connectionString: database.url });
  await holder.connect();
  const flags = { tables: 'public.a,public.b,public.c', 'chunk-rows-max': '30' };
  await using source = startCopying(database, flags);
  // Whoever reads `a` or `b` waits for the lock, behind the slot.
  await source.logged('slot created');
  await holder.query('BEGIN; LOCK TABLE a, b IN ACCESS EXCLUSIVE MODE');
  await holder.query('DROP TABLE a; ALTER PUBLICATION millrace DROP TABLE b; COMMIT');
  await holder.end();
  await source.logged(STREAMING);
  await copied(database, view, 1);
  await expectTable(database, view, 'c', ['id']);
});

test('S76 a column that comes, and one that goes, while a table is copied: rows of each shape, nothing mixed', async () => {
  const rows = 4000;
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.t`;
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, note text)');
  await database.sql(`INSERT INTO t SELECT g, 'n' || g FROM generate_series(1, ${rows}) g`);
  await using relay = await openPostgresRelay(database.url);
  const begun = Promise.withResolvers<void>();
  let marks = 0;
  relay.filterClient = (chunk) => {
    if (chunk.includes('millrace.chunk') && ++marks === 5) begun.resolve();
    return chunk;
  };
  await using source = startCopying(
    { ...database, url: relay.url },
    { tables: 'public.t', 'chunk-rows-max': '10' },
  );
  await begun.promise;
  await database.sql('ALTER TABLE t ADD COLUMN extra int DEFAULT 5');
  await database.sql(`UPDATE t SET extra = 6 WHERE id IN (3, ${rows - 100})`);
  await database.sql('ALTER TABLE t DROP COLUMN note');
  await source.logged(STREAMING);
  await acknowledged(database);
  expectNoDuplicates(await view.events(topic));
  const table = await view.table(topic);
  expect(table.size).toBe(rows);
  expect([table.get('3')?.['extra'], table.get(String(rows - 100))?.['extra']]).toEqual([6, 6]);
  expect(table.get('1')).toMatchObject({ id: 1, note: 'n1' });
  expect(table.get(String(rows))).toMatchObject({ id: rows, extra: 5 });
  for (const [id, row] of table) if ((row['note'] ?? null) !== null) expect(row['note']).toBe(`n${id}`);
});

test('S78 a backfill publishes the rows of its condition once more; SQL that is not signed is not run', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const url = new URL(database.url);
  url.password = 'of-the-role';
  const topic = `${database.name}.public.t`;
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, note text)');
  await database.sql("INSERT INTO t SELECT g, 'old' FROM generate_series(1, 300) g");
  await using source = startCopying(
    { ...database, url: url.href },
    { tables: 'public.t', 'chunk-rows-max': '20' },
  );
  await source.logged(STREAMING);
  const ask = (...flags: string[]) =>
    promisify(execFile)(process.execPath, [BACKFILL, 'public.t', '--database-url', ...flags]);
  const guess = new URL(url);
  guess.password = 'guess';
  await ask(guess.href, '--where', 'id <= 250');
  await source.logged('a message that asks for a backfill is refused');
  await ask(url.href, '--where', 'no_such_column = 1');
  await source.logged('the backfill is given up');
  await ask(url.href, '--where', 'id > 250');
  await view.eventsOnce(topic, 350);
  await copied(database, view, 1);
  const events = await view.events(topic);
  expectNoDuplicates(events);
  expect(
    events
      .slice(300)
      .map(keyOf)
      .map(Number)
      .toSorted((a, b) => a - b),
  ).toEqual(Array.from({ length: 50 }, (_, i) => 251 + i));
  await ask(url.href);
  await view.eventsOnce(topic, 650);
  expectNoDuplicates(await view.events(topic));
  await expect(
    promisify(execFile)(process.execPath, [BACKFILL, 'public.none', '--database-url', url.href]),
  ).rejects.toThrow(/not a table of publication/);
});
