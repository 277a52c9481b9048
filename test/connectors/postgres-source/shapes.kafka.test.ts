import { expect, test } from 'vitest';
import { must } from '../../../infra/process/assert.ts';
import { streamTables, told } from './streamed-tables.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';

test('S84 S85 S88 S89 each row has the shape of its moment, four of them in one transaction', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.database.sql(`BEGIN; INSERT INTO t VALUES (1, 'a');
    ALTER TABLE t ADD COLUMN w int DEFAULT 7; INSERT INTO t VALUES (2, 'b', 8);
    ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (3, 9);
    ALTER TABLE t RENAME w TO x; INSERT INTO t VALUES (4, 10); COMMIT`);
  const events = await tables.settled('t');
  const columns = events.map(({ value }) =>
    Object.entries(value ?? {}).filter(([name, v]) => !name.startsWith('__') && v !== null),
  );
  expect(columns).toEqual([
    [
      ['id', 1],
      ['v', 'a'],
    ],
    [
      ['id', 2],
      ['v', 'b'],
      ['w', 8],
    ],
    [
      ['id', 3],
      ['w', 9],
    ],
    [
      ['id', 4],
      ['x', 10],
    ],
  ]);
});

test('S87 a type that became another one while nobody read is told in the order of the WAL', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.source().end('SIGTERM');
  await tables.database.sql(`ALTER TABLE t ADD COLUMN n int; INSERT INTO t VALUES (1, 'a', 5)`);
  await tables.database.sql(`ALTER TABLE t ALTER n TYPE bigint; INSERT INTO t VALUES (2, 'b', ${2 ** 40})`);
  await tables.start();
  const events = await tables.settled('t');
  expect(events.map(({ value }) => Number(value?.['n']))).toEqual([5, 2 ** 40]);
});

test('S96 S113 an index or a hole between columns registers nothing again', async () => {
  await using tables = await streamTables(
    'CREATE TABLE t (gone int, id int PRIMARY KEY, v text NOT NULL); ALTER TABLE t DROP COLUMN gone;',
    ['t'],
  );
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a')");
  await sql('CREATE INDEX ON t (v)');
  await sql("INSERT INTO t VALUES (2, 'b')");
  expect(told(await tables.settled('t'))).toEqual(['c 1 a', 'c 2 b']);
  const lines = tables.source().log().split('\n');
  expect(lines.filter((line) => line.includes('table shape registered'))).toHaveLength(1);
});

test('S17 a key that is defined anew, and that the registry does not take, stops the source before the row', async () => {
  await using tables = await streamTables('CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL)', ['t']);
  const { sql } = tables.database;
  // The source finds all of it at once.
  void tables.source().end('SIGSTOP');
  await sql("INSERT INTO t VALUES (1, 'a')");
  await sql('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, v)');
  await sql("INSERT INTO t VALUES (3, 'c')");
  expect(await tables.source().end('SIGCONT')).toBe(1);
  expect(tables.source().log()).toContain('registry.incompatible');
  // A transaction is committed some milliseconds before its marker lets readers see it.
  expect(told(await tables.view.eventsOnce(tables.topicOf('t'), 1))).toEqual(['c 1 a']);
});

test('S17 a key that is defined anew, and that the registry takes, is the key from then on', async () => {
  await using tables = await streamTables('CREATE TABLE t (id int, v text NOT NULL, PRIMARY KEY (id, v))', [
    't',
  ]);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a')");
  // Whoever reads the shorter key finds it in the longer one.
  await sql('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id)');
  await sql("INSERT INTO t VALUES (2, 'b')");
  await sql("UPDATE t SET v = 'c' WHERE id = 2");
  await sql('DELETE FROM t WHERE id = 2');
  expect(told(await tables.settled('t'))).toEqual(['c 1/a a', 'c 2 b', 'u 2 c', 'd 2 -']);
});

test('S124 what Postgres puts into a column by itself is no default of its Avro field', async () => {
  await using tables = await streamTables(
    "CREATE TABLE t (id serial PRIMARY KEY, v text NOT NULL DEFAULT 'none', n int DEFAULT 7, at timestamptz DEFAULT now())",
    ['t'],
  );
  await tables.database.sql('INSERT INTO t DEFAULT VALUES');
  const [event] = await tables.settled('t');
  expect(event?.value).toMatchObject({ v: 'none', n: 7 });
  const { fields } = await tables.view.schemaOf(must(event, 'the row'));
  const defaults = fields.filter(({ name }) => ['v', 'n', 'at'].includes(name)).map((field) => field.default);
  expect(defaults).toEqual([null, null, null]);
});

test('S103 a row filter turns updates into creates and deletes', async () => {
  await using tables = await streamTables('CREATE TABLE t (id int PRIMARY KEY, v int);', ['t']);
  const { sql } = tables.database;
  await sql('ALTER PUBLICATION millrace DROP TABLE t; ALTER TABLE t REPLICA IDENTITY FULL');
  await sql('ALTER PUBLICATION millrace ADD TABLE t WHERE (v > 10)');
  await sql('INSERT INTO t VALUES (1, 1), (2, 20)');
  await sql('UPDATE t SET v = 30 WHERE id = 1');
  await sql('UPDATE t SET v = 31 WHERE id = 1');
  await sql('UPDATE t SET v = 2 WHERE id = 1');
  expect(told(await tables.settled('t'))).toEqual(['c 2 20', 'c 1 30', 'u 1 31', 'd 1 -']);
});

test('S104 names that need quotes go through, and are told apart', async () => {
  await using tables = await streamTables(
    'CREATE TABLE "Odd name" ("1 id" int PRIMARY KEY, "Größe" text, "größe" text);',
    ['Odd name'],
  );
  await tables.database.sql(`INSERT INTO "Odd name" VALUES (1, 'a', 'b')`);
  const [event] = await tables.settled('Odd_name');
  expect(Object.values(event?.key ?? {})).toEqual([1]);
  expect(Object.values(event?.value ?? {})).toEqual(expect.arrayContaining(['a', 'b']));
});

test('S105 S111 partitions are one table, under the name of their root; a child table is its own', async () => {
  await using tables = await streamTables(
    `CREATE TABLE p (id int, v text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
     CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10); CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (10) TO (20);
     CREATE TABLE parent (v text); CREATE TABLE child (id int PRIMARY KEY) INHERITS (parent);`,
    ['p', 'parent', 'child'],
  );
  const { sql } = tables.database;
  await sql("INSERT INTO p VALUES (1, 'a'), (11, 'b')");
  await sql('UPDATE p SET id = 12 WHERE id = 1');
  await sql("INSERT INTO child VALUES ('c', 5)");
  const events = told(await tables.settled('p'));
  expect(events.slice(0, 2)).toEqual(['c 1 a', 'c 11 b']);
  expect(events.slice(2).toSorted()).toEqual(['c 12 a', 'd 1 -']);
  expect(told(await tables.settled('child'))).toEqual(['c 5 c']);
  expect(await tables.settled('parent')).toEqual([]);
});

test('S91 S92 a table that is dropped with rows unread, and one made again under its name, do not stop the rest', async () => {
  await using tables = await streamTables(`${T} CREATE TABLE o (id int PRIMARY KEY, v text);`, ['t', 'o']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'last'); DROP TABLE t");
  await sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
  await sql('ALTER PUBLICATION millrace ADD TABLE t');
  await sql("INSERT INTO t VALUES (2, 'new')");
  await sql("INSERT INTO o VALUES (1, 'goes on')");
  expect(told(await tables.settled('o'))).toEqual(['c 1 goes on']);
  expect(told(await tables.settled('t'))).toEqual(['c 1 last', 'c 2 new']);
});
