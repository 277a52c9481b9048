import { expect, test } from 'vitest';
import type { Event } from './cdc-topic.ts';
import { streamTables, told } from './streamed-tables.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';

test('S1 S3 S5 S9 insert, update, an update that changes nothing, and delete are one event each', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a')");
  await sql("UPDATE t SET v = 'b'");
  await sql('UPDATE t SET v = v');
  await sql('DELETE FROM t');
  const events = await tables.settled('t');
  expect(told(events)).toEqual(['c 1 a', 'u 1 b', 'u 1 b', 'd 1 -']);
  expect(events[0]?.value).toMatchObject({ __seq: 1n, __commit_ts: expect.anything() });
});

test('S2 rows that share one place in the WAL have identities of their own', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.database.sql("INSERT INTO t SELECT g, 'x' FROM generate_series(1, 3) g");
  const events = await tables.settled('t');
  expect(new Set(events.map(({ identity }) => identity)).size).toBe(3);
});

test('S6 S12 a new primary key ends one row and begins another; a table without a key has null keys', async () => {
  await using tables = await streamTables(`${T} CREATE TABLE log (v text);`, ['t', 'log']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a')");
  await sql('UPDATE t SET id = 2');
  await sql("INSERT INTO log VALUES ('line')");
  const all = await tables.settled('t');
  const changed = all.slice(1);
  const events = told(all);
  expect(events[0]).toBe('c 1 a');
  expect(events.slice(1).toSorted()).toEqual(['c 2 a', 'd 1 -']);
  const headers = (op: string) => changed.find((event) => event.op === op)?.record.headers ?? [];
  const linked = (op: string, name: string) => headers(op).find(({ key }) => key === name)?.value;
  const keyOf = (op: string) => changed.find((event) => event.op === op)?.record.key;
  expect([linked('d', '__newkey'), linked('c', '__oldkey')]).toEqual([keyOf('c'), keyOf('d')]);
  expect(told(await tables.settled('log'))).toEqual(['c - line']);
  expect(tables.source().log()).toContain('table.no_identity');
});

test('S10 S15 the key stays the primary key when REPLICA IDENTITY becomes FULL', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (7, 'a')");
  await sql('ALTER TABLE t REPLICA IDENTITY FULL');
  await sql("UPDATE t SET v = 'b'");
  await sql('DELETE FROM t');
  expect(told(await tables.settled('t'))).toEqual(['c 7 a', 'u 7 b', 'd 7 -']);
});

test('S13 S14 an identity index is the key where it identifies the row, and a hidden key change is told of', async () => {
  await using tables = await streamTables(
    'CREATE TABLE ri (id int PRIMARY KEY, u int NOT NULL UNIQUE, v text); ALTER TABLE ri REPLICA IDENTITY USING INDEX ri_u_key;',
    ['ri'],
  );
  const { sql } = tables.database;
  await sql("INSERT INTO ri VALUES (1, 10, 'a')");
  await sql("UPDATE ri SET v = 'b'");
  await sql('UPDATE ri SET u = 20');
  const events = told(await tables.settled('ri'));
  expect(events.slice(0, 2)).toEqual(['c 10 a', 'u 10 b']);
  expect(events.slice(2).toSorted()).toEqual(['c 20 b', 'd 10 -']);
  expect(tables.source().log()).toContain('table.pk_change_undetectable');
});

test('S18 the key has its columns in the order of the primary key', async () => {
  await using tables = await streamTables('CREATE TABLE c (a int, v text, b int, PRIMARY KEY (b, a));', [
    'c',
  ]);
  await tables.database.sql("INSERT INTO c VALUES (1, 'x', 2)");
  const events = await tables.settled('c');
  expect(Object.entries(events[0]?.key ?? {})).toEqual([
    ['b', 2],
    ['a', 1],
  ]);
});

test('S19 an upsert is what it came to: a create, an update, or nothing', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  const upsert = (text: string) =>
    sql(`INSERT INTO t VALUES (1, '${text}') ON CONFLICT (id) DO UPDATE SET v = excluded.v`);
  await upsert('a');
  await upsert('b');
  await sql("INSERT INTO t VALUES (1, 'no') ON CONFLICT DO NOTHING");
  await sql(`MERGE INTO t USING (VALUES (1, 'm'), (2, 'n')) s (id, v) ON t.id = s.id
    WHEN MATCHED THEN UPDATE SET v = s.v WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.v)`);
  expect(told(await tables.settled('t')).toSorted()).toEqual(['c 1 a', 'c 2 n', 'u 1 b', 'u 1 m']);
});

test('S28 S107 S108 an explicit NULL is a null; a TRUNCATE is told of and keeps the order around it', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql(
    "INSERT INTO t VALUES (1, 'a'); UPDATE t SET v = NULL; TRUNCATE t; INSERT INTO t VALUES (1, 'b')",
  );
  const events = await tables.settled('t');
  expect(told(events)).toEqual(['c 1 a', 'u 1 null', 'c 1 b']);
  expect(events[1]?.value?.['__unchanged'] ?? []).toEqual([]);
  expect(tables.source().log()).toContain('TRUNCATE');
});

const DEFERRABLE = `CREATE TABLE t (id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text);
  ALTER TABLE t REPLICA IDENTITY FULL;`;

test('S8 rows that swap or shift their keys in one transaction are all there, equal ones too', async () => {
  await using tables = await streamTables(DEFERRABLE, ['t']);
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (11, 'x'), (12, 'x'), (13, 'x')");
  await sql('UPDATE t SET id = CASE id WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE id + 1 END');
  expect(folded(await tables.settled('t'))).toEqual(['1 b', '12 x', '13 x', '14 x', '2 a']);
});

test('S8 a row that comes and leaves in one transaction with a deferrable key is not there', async () => {
  await using tables = await streamTables(DEFERRABLE, ['t']);
  const { sql } = tables.database;
  await sql("BEGIN; INSERT INTO t VALUES (1, 'a'); UPDATE t SET id = 2; UPDATE t SET v = 'b'; COMMIT");
  await sql("BEGIN; INSERT INTO t VALUES (3, 'c'); DELETE FROM t WHERE id = 3; COMMIT");
  await sql(
    "BEGIN; INSERT INTO t VALUES (4, 'd'); ALTER TABLE t ADD w int; DELETE FROM t WHERE id = 4; COMMIT",
  );
  await sql(
    "BEGIN; INSERT INTO t VALUES (5, 'e'), (6, 'f'); TRUNCATE t; INSERT INTO t VALUES (6, 'g'); COMMIT",
  );
  const events = await tables.settled('t');
  expect(folded(events)).toEqual(['2 b', '6 g']);
  expect(told(events).filter((event) => !event.startsWith('d'))).toEqual(['c 2 b', 'u 6 g']);
});

test('S8 a shift larger than a Kafka transaction is published in parts, each change once', async () => {
  await using tables = await streamTables(DEFERRABLE, ['t']);
  const { sql } = tables.database;
  await tables.source()[Symbol.asyncDispose]();
  await tables.start({ 'batch-bytes-max': '2000' });
  await sql("INSERT INTO t SELECT g, 'x' || g FROM generate_series(1, 200) g");
  await sql('UPDATE t SET id = id + 1');
  const events = await tables.settled('t');
  expect(new Set(events.map(({ identity }) => identity)).size).toBe(events.length);
  expect(folded(events)).toEqual(Array.from({ length: 200 }, (_, i) => `${i + 2} x${i + 1}`).toSorted());
});

/** `key value` of the rows that are there, in the order of this text. */
function folded(events: readonly Event[]): string[] {
  const rows = new Map<string, string>();
  for (const { op, key, value } of events) {
    const id = Object.values(key ?? {}).join('/');
    if (op === 'd') rows.delete(id);
    else rows.set(id, `${id} ${String(value?.['v'])}`);
  }
  return [...rows.values()].toSorted();
}
