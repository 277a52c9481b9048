import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { Client } from 'pg';
import { expect, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { BIG, T, expectComplete, sessionUrl, unchangedOf } from './large-values.ts';
import { startSource, stateDirOf } from './source-process.ts';
import { acknowledged, streamTables } from './streamed-tables.ts';

test('S23 with REPLICA IDENTITY FULL the old row has what the new one lacks; toast=full refuses less', async () => {
  await using tables = await streamTables(
    `${T} ALTER TABLE t REPLICA IDENTITY FULL; CREATE TABLE plain (id int PRIMARY KEY, code varchar(4), price numeric(10, 2));`,
    ['t', 'plain'],
    { toast: 'full' },
  );
  const { sql } = tables.database;
  await sql(`INSERT INTO t VALUES (1, 1, 'x', ${BIG})`);
  await sql('UPDATE t SET n = 2');
  await expectComplete(tables);
  await sql('ALTER TABLE t REPLICA IDENTITY DEFAULT');
  await sql('UPDATE t SET n = 3');
  expect(await tables.source().exited).toBe(1);
  expect(tables.source().log()).toContain('source.toast_identity');
  expect(tables.source().log()).toContain('ALTER TABLE public.t REPLICA IDENTITY FULL');
  await using again = startSource(tables.database, { 'toast-tables': 'public.t=full' });
  expect(await again.exited).toBe(1);
  expect(again.log()).toContain('source.toast_identity');
});

test('toast=mark leaves values out, for one table or for all, and fill later has what was published whole', async () => {
  await using tables = await streamTables(
    `${T} CREATE TABLE u (id int PRIMARY KEY, n int, big text);`,
    ['t', 'u'],
    {
      'toast-tables': 'public.u=mark',
    },
  );
  const { sql } = tables.database;
  await sql(`INSERT INTO t VALUES (1, 1, 'x', ${BIG}); INSERT INTO u VALUES (1, 1, ${BIG})`);
  await acknowledged(tables.database);
  await sql('UPDATE t SET n = 2; UPDATE u SET n = 2');
  await expectComplete(tables);
  const [, marked] = await tables.settled('u');
  expect(marked?.value).toMatchObject({ n: 2, big: null, __unchanged: ['big'] });
  await tables.source().end('SIGTERM');
  await tables.start({ 'toast-tables': '' });
  await sql('UPDATE u SET n = 3');
  await expectComplete(tables, ['id', 'n', 'big'], 'u');
});

test('a table that loses REPLICA IDENTITY FULL while it is read has its values back after the next start', async () => {
  await using tables = await streamTables(`${T} ALTER TABLE t REPLICA IDENTITY FULL;`, ['t']);
  const { sql } = tables.database;
  await sql(`INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 2) g`);
  await acknowledged(tables.database);
  expect(existsSync(stateDirOf(tables.database))).toBe(false);
  await sql('ALTER TABLE t REPLICA IDENTITY DEFAULT');
  await sql('UPDATE t SET n = 2 WHERE id = 1');
  const events = await tables.settled('t');
  expect(events.slice(-1).map(unchangedOf)).toEqual([['big']]);
  await tables.source().end('SIGTERM');
  await tables.start();
  await sql('UPDATE t SET n = 3');
  await expectComplete(tables);
});

test('what was followed, then not, and is again, is not completed with what it had at first', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  const last = async (): Promise<unknown> => (await tables.settled('t')).slice(-1).map(unchangedOf);
  await sql(`INSERT INTO t VALUES (1, 1, 'x', ${BIG})`);
  await sql('UPDATE t SET n = 2; ALTER TABLE t REPLICA IDENTITY FULL');
  await sql(`UPDATE t SET big = ${BIG}`);
  await sql('ALTER TABLE t REPLICA IDENTITY DEFAULT');
  await sql('UPDATE t SET n = 3');
  expect(await last()).toEqual([['big']]);
  await sql(`UPDATE t SET big = ${BIG}`);
  await sql('UPDATE t SET n = 4');
  expect(await last()).toEqual([[]]);
  await expectComplete(tables);
  await sql("ALTER TABLE t ALTER big TYPE bytea USING decode(big, 'hex')");
  await sql(`UPDATE t SET big = decode(${BIG}, 'hex')`);
  await sql("ALTER TABLE t ALTER big TYPE text USING encode(big, 'hex')");
  await sql('UPDATE t SET n = 5');
  expect(await last()).toEqual([['big']]);
  await tables.source().end('SIGKILL');
  await rm(stateDirOf(tables.database), { recursive: true });
  await tables.start();
  await sql('UPDATE t SET n = 6');
  expect(await last()).toEqual([['big']]);
});

test('--toast-tables names published tables', async () => {
  await using tables = await streamTables(T, ['t']);
  await tables.source().end('SIGTERM');
  await using source = startSource(tables.database, { 'toast-tables': 'public.tt=mark' });
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('source.toast_unmatched');
});

test('a row that was set aside takes its large value with it, after a rebuild too', async () => {
  const flags = { 'on-bad-row': 'dead-letter' };
  await using tables = await streamTables(T, ['t'], flags);
  const { sql } = tables.database;
  await sql(`INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 2) g`);
  await acknowledged(tables.database);
  await sql(`UPDATE t SET big = repeat(${BIG}, 120) WHERE id = 1`);
  await sql('UPDATE t SET n = 2');
  const live = (await tables.settled('t')).slice(-2).map(unchangedOf).map(String);
  expect(live.toSorted()).toEqual(['', 'big']);
  await tables.source().end('SIGKILL');
  await rm(stateDirOf(tables.database), { recursive: true });
  await tables.start(flags);
  await sql('UPDATE t SET n = 3');
  const rebuilt = (await tables.settled('t')).slice(-2).map(unchangedOf).map(String);
  expect(rebuilt.toSorted()).toEqual(['', 'big']);
});

test('a table that comes back into the publication is not completed with what it had before', async () => {
  await using tables = await streamTables(`${T} CREATE TABLE other (id int PRIMARY KEY);`, ['t', 'other']);
  const { database } = tables;
  const { sql } = database;
  await sql(`INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 5) g`);
  await acknowledged(database);
  await sql('ALTER PUBLICATION millrace DROP TABLE t');
  const copies = async () =>
    (await readPosition(tables.view.kafka, `${database.name}.position`, database.name))?.copies;
  const isCopied = async (): Promise<boolean> => {
    await sql('INSERT INTO other SELECT coalesce(max(id), 0) + 1 FROM other');
    return (await copies())?.copied.length === 2;
  };
  await expect.poll(isCopied, { timeout: 20_000 }).toBe(false);
  await sql(`UPDATE t SET big = ${BIG}`);
  // A copy waits for the transactions that run.
  const writer = new Client({ connectionString: sessionUrl(database.name) });
  await writer.connect();
  await writer.query('BEGIN; INSERT INTO other VALUES (-1)');
  await sql('ALTER PUBLICATION millrace ADD TABLE t');
  await tables.source().logged('table was added to the publication');
  await sql('UPDATE t SET n = 2 WHERE id = 1');
  expect(await isCopied()).toBe(false);
  await acknowledged(database);
  await tables.source().end('SIGKILL');
  await rm(stateDirOf(database), { recursive: true });
  await tables.start();
  await sql('UPDATE t SET n = 3 WHERE id = 2');
  const early = (await tables.settled('t')).filter(({ value }) => Number(value?.['n']) > 1);
  expect(early.map(unchangedOf)).toEqual([['big'], ['big']]);
  await writer.query('COMMIT');
  await writer.end();
  await expect.poll(isCopied, { timeout: 20_000 }).toBe(true);
  await sql('UPDATE t SET n = 4');
  await expectComplete(tables);
});

test('a table that is copied while its rows change has every large value in the end', async () => {
  await using tables = await streamTables(
    `${T} INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 300) g`,
    ['t'],
    { 'snapshot-mode': 'chunked', 'chunk-rows-max': '10' },
  );
  const { sql } = tables.database;
  for (let round = 2; round < 40; round++) {
    const id = (round * 37) % 300;
    await sql(`UPDATE t SET n = ${round} WHERE id % 7 = ${round % 7}`);
    await sql(
      `BEGIN; UPDATE t SET big = ${BIG} WHERE id = ${id}; UPDATE t SET n = -1 WHERE id = ${id}; COMMIT`,
    );
    await sql(`UPDATE t SET id = id + 1000 WHERE id = ${id + 1}; DELETE FROM t WHERE id = ${id + 2}`);
  }
  const position = () =>
    readPosition(tables.view.kafka, `${tables.database.name}.position`, tables.database.name);
  await expect.poll(async () => (await position())?.copies?.copied, { timeout: 30_000 }).toHaveLength(1);
  await expectComplete(tables);
  await sql('UPDATE t SET n = 99');
  await expectComplete(tables);
  expect(tables.source().log()).not.toContain('an unchanged large value is not known');
});
