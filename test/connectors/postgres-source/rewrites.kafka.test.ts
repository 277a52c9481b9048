import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { type StreamedTables, acknowledged, streamTables } from './streamed-tables.ts';

const BACKFILL = fileURLToPath(new URL('../../../connectors/postgres-source/backfill.ts', import.meta.url));
const PARTITIONED = `CREATE TABLE p (id int PRIMARY KEY, v text) PARTITION BY RANGE (id);
  CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10);
  CREATE TABLE full_one (id int PRIMARY KEY, v text); INSERT INTO full_one VALUES (11, 'unseen');`;

/** A look is kept once a Kafka transaction took it along. */
async function kept(tables: StreamedTables): Promise<void> {
  const { name } = tables.database;
  await expect
    .poll(async () => {
      await tables.database.sql('INSERT INTO t VALUES ((SELECT max(id) + 1 FROM t))');
      const records = await tables.view.records(`${name}.position`);
      return records.filter(({ key }) => key?.toString().startsWith(`${name}/storage/`) === true).length;
    })
    .toBeGreaterThanOrEqual(2);
}

const columnOf = async ({ view, topicOf }: StreamedTables, table: string, column: string) =>
  new Set([...(await view.table(topicOf(table))).values()].map((row) => String(row[column])));

test('S86 S106 values that change while no source runs are told of with the command, which makes the topic whole', async () => {
  await using tables = await streamTables(
    `CREATE TABLE t (id int PRIMARY KEY, v int); INSERT INTO t VALUES (1, 1), (2, 2); ${PARTITIONED}`,
    ['t', 'p'],
  );
  const { sql, url } = tables.database;
  await kept(tables);
  await tables.source().end('SIGKILL');
  await sql('UPDATE t SET v = 1; ALTER TABLE t ALTER v TYPE int USING v * 100');
  await sql('ALTER TABLE p ATTACH PARTITION full_one FOR VALUES FROM (10) TO (20)');
  await tables.start();
  const line = await tables.source().logged('the topic may differ from table public.t');
  expect(line).toContain('npm run backfill -- public.t');
  expect(await tables.source().logged('the topic may differ from table public.p')).toContain(
    'became a partition',
  );
  await acknowledged(tables.database);
  expect(await columnOf(tables, 't', 'v')).toEqual(new Set(['1']));

  for (const table of ['public.t', 'public.p'])
    await promisify(execFile)(process.execPath, [BACKFILL, table, '--database-url', url]);
  await expect.poll(() => columnOf(tables, 't', 'v'), { timeout: 30_000 }).toEqual(new Set(['100']));
  await expect.poll(() => columnOf(tables, 'p', 'v'), { timeout: 30_000 }).toEqual(new Set(['unseen']));
  await tables.source().logged('over: the topic may differ from table public.t');
});

test('S85 S86 with --on-rewrite backfill the table is read again by itself, and for VACUUM FULL it is not', async () => {
  const flags = { 'on-rewrite': 'backfill' };
  await using tables = await streamTables(
    'CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1), (2); CREATE TABLE o (id int PRIMARY KEY);',
    ['t', 'o'],
    flags,
  );
  const { sql } = tables.database;
  await kept(tables);
  await tables.source().end('SIGKILL');
  await sql('ALTER TABLE t ADD COLUMN w int DEFAULT 7');
  await sql('VACUUM FULL o');
  await tables.start(flags);
  await tables.source().logged('the table was written anew, with the values it had');
  await tables.source().logged('it is read again');
  await expect.poll(() => columnOf(tables, 't', 'w'), { timeout: 30_000 }).toEqual(new Set(['7']));
  expect(tables.source().log()).not.toContain('the topic may differ');
});
