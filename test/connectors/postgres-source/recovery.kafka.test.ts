import { Client } from 'pg';
import { expect, inject, test } from 'vitest';
import { startSource } from './source-process.ts';
import { acknowledged, streamTables, told } from './streamed-tables.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE other (v text);';

/** A superuser's session in the database, besides the test's own. */
async function session(database: string): Promise<Client> {
  const url = new URL(inject('sourceUrl'));
  url.pathname = `/${database}`;
  const client = new Client({ connectionString: url.href });
  await client.connect();
  return client;
}

test('S44 S45 a transaction that is open over acknowledgements and a kill is delivered once, when it commits', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  const writer = await session(database.name);
  await writer.query("BEGIN; INSERT INTO t VALUES (1, 'open')");
  await database.sql("INSERT INTO other SELECT repeat('x', 100) FROM generate_series(1, 1000)");
  await acknowledged(database);
  await tables.source().end('SIGKILL');
  await tables.start();
  await database.sql("INSERT INTO t VALUES (2, 'meanwhile')");
  await writer.query("INSERT INTO t VALUES (3, 'open'); COMMIT");
  await writer.end();
  expect(told(await tables.settled('t'))).toEqual(['c 2 meanwhile', 'c 1 open', 'c 3 open']);
});

test.each([
  ['S46', 'false'],
  ['S47', 'true'],
])(
  '%s: after a message (transactional: %s) and a kill the next row is neither lost nor doubled',
  async (_, transactional) => {
    await using tables = await streamTables(T, ['t']);
    const { database } = tables;
    await database.sql("INSERT INTO t VALUES (1, 'before')");
    await database.sql(`SELECT pg_logical_emit_message(${transactional}, 'x', 'last')`);
    await acknowledged(database);
    await tables.source().end('SIGKILL');
    await database.sql("INSERT INTO t VALUES (2, 'after')");
    await tables.start();
    expect(told(await tables.settled('t'))).toEqual(['c 1 before', 'c 2 after']);
  },
);

test('S55 S57 a slot that was moved on, or dropped and made again, is refused', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  const { name } = database;
  await tables.source().end('SIGTERM');
  await database.sql("INSERT INTO t VALUES (1, 'lost')");
  await database.sql(`SELECT pg_replication_slot_advance('${name}', pg_current_wal_lsn())`);
  await using moved = startSource(database);
  expect(await moved.exited).toBe(1);
  expect(moved.log()).toContain('source.position_gap');
  await database.sql(`SELECT pg_drop_replication_slot('${name}')`);
  await database.sql(`SELECT pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  await using again = startSource(database);
  expect(await again.exited).toBe(1);
  expect(again.log()).toContain('source.position_gap');
});

test('S61 a walsender that is ended again and again under writes costs no row and doubles none', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  const rows = 200;
  for (let i = 1; i <= rows; i++) {
    await database.sql(`INSERT INTO t VALUES (${i}, 'x')`);
    if (i % 20 === 0)
      await database.sql(
        `SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '${database.name}' AND active`,
      );
  }
  const ids = (await tables.settled('t')).map(({ key }) => key?.['id']);
  expect(ids).toEqual(Array.from({ length: rows }, (_, i) => i + 1));
});

test('S62 a slot whose position is gone from Kafka is not read on from where it happens to be', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.source().end('SIGTERM');
  await using source = startSource(tables.database, { 'topic-prefix': `${tables.database.name}_b` });
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('source.slot_without_position');
});

test('S63 a clean stop, while rows flow or idle, and a start go on where they were', async () => {
  await using tables = await streamTables(T, ['t']);
  const { database } = tables;
  for (let i = 1; i <= 3; i++) {
    await database.sql(`INSERT INTO t VALUES (${i}, 'x')`);
    expect(await tables.source().end('SIGTERM')).toBe(0);
    await database.sql(`INSERT INTO t VALUES (${i + 10}, 'y')`);
    await tables.start();
  }
  const ids = (await tables.settled('t')).map(({ key }) => key?.['id']);
  expect(ids).toEqual([1, 11, 2, 12, 3, 13]);
});

test('S101 a publication that goes away while it is read stops the source before changes are left out', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.database.sql('DROP PUBLICATION millrace');
  await tables.database.sql("INSERT INTO t VALUES (1, 'unseen')");
  expect(await tables.source().exited).toBe(1);
  expect(tables.source().log()).toMatch(/source\.publication_replaced|42704|publication/);
});
