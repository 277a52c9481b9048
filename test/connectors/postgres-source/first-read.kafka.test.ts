import { Client } from 'pg';
import { expect, test } from 'vitest';
import { acknowledged } from './acknowledged.ts';
import { KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';

const STREAMING = '"msg":"streaming"';
const PARALLEL = { 'snapshot-mode': 'exported', 'tables-at-once': '2', 'ranges-at-once': '3' };

test('S67 S72 S77 S111 big tables, partitions and children, read by many sessions under writers: each row once', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`
    CREATE TABLE big (n int, pad text); ALTER TABLE big ALTER pad SET STORAGE PLAIN;
    INSERT INTO big SELECT g, repeat('x', 2000) FROM generate_series(1, 6000) g;
    CREATE TABLE root (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
    CREATE TABLE low PARTITION OF root FOR VALUES FROM (0) TO (500);
    CREATE TABLE high PARTITION OF root FOR VALUES FROM (500) TO (9999);
    INSERT INTO root SELECT g, 'v' FROM generate_series(1, 1000) g;
    CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (PRIMARY KEY (id)) INHERITS (parent);
    INSERT INTO parent SELECT generate_series(1, 10); INSERT INTO child SELECT generate_series(101, 120)`);
  let done = false;
  const writing = (async () => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    for (let i = 6001; !done; i++) await client.query('INSERT INTO big VALUES ($1)', [i]);
    await client.end();
  })();
  const tables = 'public.big,public.root,public.parent,public.child';
  await using source = startSource(database, { tables, ...PARALLEL });
  await source.logged(STREAMING);
  done = true;
  await writing;
  await acknowledged(database);
  const [[count = ''] = []] = await database.sql('SELECT count(*) FROM big');
  const big = await view.eventsOnce(`${database.name}.public.big`, Number(count));
  expect(big.map(({ value }) => Number(value?.['n'])).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: Number(count) }, (_, i) => i + 1),
  );
  expect(new Set(big.map(({ identity }) => identity)).size).toBe(big.length);
  const root = await view.eventsOnce(`${database.name}.public.root`, 1000);
  expect([root.length, (await view.table(`${database.name}.public.root`)).size]).toEqual([1000, 1000]);
  expect(await view.eventsOnce(`${database.name}.public.parent`, 10)).toHaveLength(10);
  expect(await view.eventsOnce(`${database.name}.public.child`, 20)).toHaveLength(20);
  const { body } = await source.get('/metrics');
  expect(body).toContain('millrace_snapshot_progress_ratio{schema="public",table="big"} 1');
  expect(JSON.parse((await source.get('/copies')).body)).toMatchObject({ copies: [] });
});

test('S67 one session for a table keeps the order in which it is stored', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE log (n int); CREATE TABLE t (id int PRIMARY KEY)');
  await database.sql('INSERT INTO log SELECT 5000 - g FROM generate_series(1, 5000) g');
  const flags = { tables: 'public.log,public.t', 'snapshot-mode': 'exported', partitions: '1' };
  await using source = startSource(database, flags);
  await source.logged(STREAMING);
  const records = await view.eventsOnce(`${database.name}.public.log`, 5000);
  const inTopic = records.toSorted((a, b) => a.record.offset - b.record.offset);
  expect(inTopic.map(({ value }) => Number(value?.['n']))).toEqual(
    Array.from({ length: 5000 }, (_, i) => 4999 - i),
  );
});

test('S69 S72 a kill while a table without a key is first read: it is copied beside the stream, no row is missing', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.log`;
  await database.sql('CREATE TABLE log (line text)');
  await database.sql(
    "INSERT INTO log SELECT 'old ' || g || repeat('.', 100) FROM generate_series(1, 3000) g",
  );
  await database.sql("INSERT INTO log VALUES ('stop here')");
  await using relay = await openPostgresRelay(database.url);
  relay.filterServer = (chunk) => (chunk.includes('stop here') ? null : chunk);
  const flags = { tables: 'public.log' };
  await using first = startSource({ ...database, url: relay.url }, { ...flags, 'batch-bytes-max': '20000' });
  await view.kafka.waitForTopics([topic], new AbortController().signal);
  const before = (await view.eventsOnce(topic, 100)).length;
  await first.end('SIGKILL');
  await database.sql("INSERT INTO log VALUES ('behind the snapshot')");
  await using second = startSource(database, flags);
  await second.logged(STREAMING);
  await database.sql("INSERT INTO log VALUES ('last')");
  await acknowledged(database);
  const events = await view.eventsOnce(topic, before + 3003);
  const lines = events.map(({ value }) => String(value?.['line']));
  expect(new Set(lines).size).toBe(3003);
  for (const once of ['stop here', 'behind the snapshot', 'last'])
    expect(lines.filter((line) => line === once)).toHaveLength(1);
});

test('S66 S76 columns that come, go and get other names while the slot waits are read as they are then', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`CREATE TABLE other (id int PRIMARY KEY); CREATE TABLE log (n int, old text, gone text);
    INSERT INTO log VALUES (1, 'one', 'g')`);
  const writer = new Client({ connectionString: database.url });
  await writer.connect();
  await writer.query('BEGIN; INSERT INTO other VALUES (1)');
  await using source = startSource(database, { tables: 'public.other,public.log' });
  await source.logged('waits for');
  await database.sql(`ALTER TABLE log ADD COLUMN extra bigint; ALTER TABLE log RENAME old TO renamed;
    ALTER TABLE log DROP gone; INSERT INTO log VALUES (2, 'two', 7)`);
  await writer.query('COMMIT');
  await writer.end();
  await source.logged(STREAMING);
  await acknowledged(database);
  const events = await view.eventsOnce(`${database.name}.public.log`, 2);
  expect(
    events.map(({ op, value }) => [op, value?.['n'], value?.['renamed'], value?.['extra'] ?? null].join(' ')),
  ).toEqual(['r 1 one ', 'r 2 two 7']);
});
