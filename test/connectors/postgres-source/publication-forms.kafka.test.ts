import { expect, test } from 'vitest';
import { KafkaView } from './cdc-topic.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, acknowledged, streamTables, told } from './streamed-tables.ts';

/** Of a table that has rows, or no key. */
const COPIED = '"msg":"table copied"';

test('S102 a list of columns: others are nowhere, and an update of them alone is an update of nothing', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`CREATE TABLE t (id int PRIMARY KEY, v text, hidden text); INSERT INTO t VALUES (1, 'a', 'x');
    CREATE PUBLICATION millrace FOR TABLE t (id, v)`);
  await using source = startSource(database);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO t VALUES (2, 'b', 'y')");
  await database.sql("UPDATE t SET hidden = 'z' WHERE id = 2");
  await acknowledged(database);
  const topic = `${database.name}.public.t`;
  const events = await view.events(topic);
  expect(told(events)).toEqual(['r 1 a', 'c 2 b', 'u 2 b']);
  for (const { value } of events) expect(Object.keys(value ?? {})).not.toContain('hidden');

  await database.sql('ALTER PUBLICATION millrace SET TABLE t (id, hidden)');
  await database.sql("INSERT INTO t VALUES (3, 'c', 'shown')");
  await acknowledged(database);
  const last = (await view.events(topic)).at(-1);
  expect(last?.value).toMatchObject({ id: 3, hidden: 'shown' });
  expect(last?.value).not.toHaveProperty('v');
});

test('S102 a list that hides the key: Postgres refuses updates, inserts have no key', async () => {
  await using tables = await streamTables(
    `CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE o (id int PRIMARY KEY, v text);`,
    ['o'],
  );
  const { sql } = tables.database;
  await sql(`GRANT SELECT ON t TO "${tables.database.name}"; ALTER PUBLICATION millrace ADD TABLE t (v)`);
  await tables.source().logged(COPIED);
  await sql("INSERT INTO t VALUES (1, 'a')");
  await expect(sql("UPDATE t SET v = 'b'")).rejects.toMatchObject({ code: '42P10' });
  expect(told(await tables.settled('t'))).toEqual(['c - a']);
});

test('S105 a publication of leaves: each partition is a table, and a row that moves ends in one and begins in the other', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
    CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
    INSERT INTO p VALUES (5, 'before'); CREATE PUBLICATION millrace FOR TABLE p`);
  await using source = startSource(database);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO p VALUES (1, 'a'), (11, 'b')");
  await database.sql('UPDATE p SET id = 12 WHERE id = 1');
  await acknowledged(database);
  const topicOf = (table: string): string => `${database.name}.public.${table}`;
  expect(told(await view.events(topicOf('p1')))).toEqual(['r 5 before', 'c 1 a', 'd 1 -']);
  expect(told(await view.events(topicOf('p2')))).toEqual(['c 11 b', 'c 12 a']);
  await expect(view.events(topicOf('p'))).rejects.toMatchObject({ code: 'kafka.topic_missing' });
});

test('S114 a large object is nowhere; the row that names it is told, and the stream goes on', async () => {
  await using tables = await streamTables('CREATE TABLE t (id int PRIMARY KEY, v text, body oid)', ['t']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a', lo_from_bytea(0, 'in another place'))");
  await sql("SELECT lo_put(body, 0, 'changed') FROM t");
  await sql("UPDATE t SET v = 'b'");
  await sql('SELECT lo_unlink(body) FROM t');
  expect(told(await tables.settled('t'))).toEqual(['c 1 a', 'u 1 b']);
});

test('S109 S110 with FOR ALL TABLES, a table that a query makes is published; views and temporary tables are not', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(
    'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE PUBLICATION millrace FOR ALL TABLES',
  );
  await using source = startSource(database);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO t VALUES (1, 'a')");
  await database.sql('CREATE TABLE made AS SELECT id, v FROM t');
  await database.sql(`CREATE TEMPORARY TABLE gone AS SELECT * FROM t; CREATE UNLOGGED TABLE unlogged AS SELECT * FROM t;
    CREATE MATERIALIZED VIEW seen AS SELECT * FROM t; REFRESH MATERIALIZED VIEW seen;
    CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER far FOREIGN DATA WRAPPER nothing;
    CREATE FOREIGN TABLE far_away (id int) SERVER far`);
  await source.logged(COPIED);
  await database.sql("INSERT INTO made VALUES (2, 'b')");
  await acknowledged(database);
  expect(told(await view.events(`${database.name}.public.made`))).toEqual(['r - a', 'c - b']);
  expect(told(await view.events(`${database.name}.public.t`))).toEqual(['c 1 a']);
  for (const table of ['gone', 'unlogged', 'seen', 'far_away'])
    await expect(view.events(`${database.name}.public.${table}`)).rejects.toMatchObject({
      code: 'kafka.topic_missing',
    });
});
