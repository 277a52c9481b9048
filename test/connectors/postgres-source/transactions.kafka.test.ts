import { Client } from 'pg';
import { expect, test } from 'vitest';
import { streamTables, told } from './streamed-tables.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';

/** The superuser's URL: tests write with it. */
async function secondSession(name: string, url: string): Promise<Client> {
  const superuser = new URL(url);
  superuser.username = 'postgres';
  superuser.pathname = `/${name}`;
  const client = new Client({ connectionString: superuser.href });
  await client.connect();
  return client;
}

test('S29 transactions arrive in the order of their commits, each in one piece', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql, name, url } = tables.database;
  const other = await secondSession(name, url);
  await sql('BEGIN');
  await sql("INSERT INTO t VALUES (1, 'A')");
  await other.query("BEGIN; INSERT INTO t VALUES (2, 'B')");
  await sql("INSERT INTO t VALUES (3, 'A')");
  await other.query("INSERT INTO t VALUES (4, 'B'); COMMIT");
  await sql("INSERT INTO t VALUES (5, 'A')");
  await sql('COMMIT');
  await other.end();
  expect(told(await tables.settled('t'))).toEqual(['c 2 B', 'c 4 B', 'c 1 A', 'c 3 A', 'c 5 A']);
});

test('S32 S33 S38 what was rolled back, wholly or to a savepoint, never appears', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql("BEGIN; INSERT INTO t VALUES (1, 'no'); ROLLBACK");
  await sql(`BEGIN; INSERT INTO t VALUES (2, 'yes'); SAVEPOINT s; INSERT INTO t VALUES (3, 'no');
    ROLLBACK TO s; INSERT INTO t VALUES (4, 'yes'); COMMIT`);
  await sql(`DO $$ BEGIN FOR i IN 100..170 LOOP
    BEGIN INSERT INTO t VALUES (i, 'sub'); IF i % 10 <> 0 THEN RAISE EXCEPTION 'no'; END IF;
    EXCEPTION WHEN raise_exception THEN NULL; END; END LOOP; END $$`);
  const ids = (await tables.settled('t')).map(({ key }) => key?.['id']);
  expect(ids).toEqual([2, 4, 100, 110, 120, 130, 140, 150, 160, 170]);
});

test('S39 a row that changes a hundred times in one transaction is a hundred events in order', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.database.sql(`DO $$ BEGIN INSERT INTO t VALUES (1, '0');
    FOR i IN 1..100 LOOP UPDATE t SET v = i::text; END LOOP; END $$`);
  const events = await tables.settled('t');
  expect(events.map(({ value }) => Number(value?.['v']))).toEqual(Array.from({ length: 101 }, (_, i) => i));
});

test('S40 rows with a replication origin are read, and the next transaction as well', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql, name } = tables.database;
  await sql(`SELECT pg_replication_origin_create('${name}'), pg_replication_origin_session_setup('${name}')`);
  await sql("INSERT INTO t VALUES (1, 'from elsewhere')");
  await sql(`SELECT pg_replication_origin_session_reset()`);
  await sql("INSERT INTO t VALUES (2, 'from here')");
  await sql(`SELECT pg_replication_origin_drop('${name}')`);
  const events = await tables.settled('t');
  expect(told(events)).toEqual(['c 1 from elsewhere', 'c 2 from here']);
  const origins = events.map(({ record }) => record.headers.find(({ key }) => key === '__origin')?.value);
  expect(origins.map(String)).toEqual([name, 'undefined']);
});

test('S37 S115 messages and transactions without published rows leave rows and their numbers alone', async () => {
  await using tables = await streamTables(`${T} CREATE TABLE other (id int);`, ['t']);
  const { sql } = tables.database;
  await sql('INSERT INTO other VALUES (1)');
  await sql(`BEGIN; INSERT INTO t VALUES (1, 'a'); SELECT pg_logical_emit_message(false, 'x', 'now');
    SELECT pg_logical_emit_message(true, 'x', 'then'); INSERT INTO t VALUES (2, 'b'); COMMIT`);
  await sql("BEGIN; SELECT pg_logical_emit_message(true, 'x', 'alone'); COMMIT");
  const events = await tables.settled('t');
  expect(told(events)).toEqual(['c 1 a', 'c 2 b']);
  expect(events.map(({ value }) => value?.['__seq'])).toEqual([1n, 3n]);
});
