import { Client } from 'pg';
import { expect, test } from 'vitest';
import type { PublishedTable } from '../../../connectors/postgres-source/shapes/catalog.ts';
import {
  beginSnapshot,
  exportSnapshot,
  joinSnapshot,
  lockTable,
} from '../../../connectors/postgres-source/copies/snapshot-session.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';

const open = (database: SourceDatabase): Promise<WireConnection> =>
  WireConnection.open({ url: database.url, replication: false, applicationName: 'snapshot-test' });

async function tableOf(database: SourceDatabase, name: string): Promise<PublishedTable> {
  const [[oid = ''] = []] = await database.sql(`SELECT '${name}'::regclass::oid::int8`);
  return { oid: Number(oid), schema: 'public', table: name, columns: null, filter: null };
}

const fail = (error: unknown): never => {
  throw error;
};

test('S72 VACUUM FULL, CLUSTER and ALTER wait until a table is read, and a reader never waits for them', async () => {
  await using database = await createSourceDatabase();
  await database.sql(
    'CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT generate_series(1, 100)',
  );
  const table = await tableOf(database, 't');
  await using lead = await open(database);
  await beginSnapshot(lead, null);
  expect(await lockTable(lead, table, fail)).toMatchObject({ only: true, pages: 1, rewritten: false });
  await database.sql("SET lock_timeout = '50ms'");
  for (const command of [
    'VACUUM FULL t',
    'CLUSTER t USING t_pkey',
    'ALTER TABLE t ADD COLUMN w int',
    'TRUNCATE t',
  ])
    await expect(database.sql(command)).rejects.toMatchObject({ code: '55P03' });
  const name = await exportSnapshot(lead);
  await using helper = await open(database);
  expect(await joinSnapshot(helper, name, [table])).toBe(true);
  expect(await helper.query('SELECT count(*)::int AS n FROM public.t')).toEqual([{ n: 100 }]);

  const waiting = new Client({ connectionString: database.url, application_name: 'waiting' });
  await waiting.connect();
  const moved = waiting.query('VACUUM FULL t');
  await database.until(
    "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'waiting' AND wait_event_type = 'Lock')",
  );
  await using late = await open(database);
  expect(await joinSnapshot(late, name, [table])).toBe(false);
  expect(await lead.query('SELECT count(*)::int AS n FROM public.t')).toEqual([{ n: 100 }]);
  await lead.query('COMMIT');
  await helper.query('COMMIT');
  await moved;
  await waiting.end();
});

test('S72 a table that got new files behind the snapshot is told, partitions included: the snapshot may see no row', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`CREATE TABLE kept (id int); CREATE TABLE rewritten (id int); CREATE TABLE emptied (id int);
    CREATE TABLE root (id int, v int) PARTITION BY RANGE (id); CREATE TABLE leaf PARTITION OF root FOR VALUES FROM (0) TO (9);
    CREATE TABLE whole (id int, v int) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF whole FOR VALUES FROM (0) TO (9);
    INSERT INTO kept VALUES (1); INSERT INTO rewritten VALUES (1); INSERT INTO root VALUES (1); INSERT INTO whole VALUES (1)`);
  await using lead = await open(database);
  await beginSnapshot(lead, null);
  await exportSnapshot(lead);
  await database.sql('ALTER TABLE rewritten ALTER id TYPE bigint');
  await database.sql('TRUNCATE emptied');
  await database.sql('ALTER TABLE root ALTER v TYPE bigint');
  const told: Record<string, boolean | undefined> = {};
  for (const name of ['kept', 'rewritten', 'emptied', 'root', 'whole'])
    told[name] = (await lockTable(lead, await tableOf(database, name), fail))?.rewritten;
  expect(told).toEqual({ kept: false, rewritten: true, emptied: true, root: true, whole: false });
  expect(await lead.query('SELECT count(*)::int AS n FROM public.rewritten')).toEqual([{ n: 0 }]);
});

test('S80 a table that is gone does not end the transaction of the others', async () => {
  await using database = await createSourceDatabase();
  await database.sql('CREATE TABLE gone (id int); CREATE TABLE kept (id int)');
  const gone = await tableOf(database, 'gone');
  await using lead = await open(database);
  await beginSnapshot(lead, null);
  await exportSnapshot(lead);
  await database.sql('DROP TABLE gone');
  const faults: unknown[] = [];
  expect(await lockTable(lead, gone, (error) => faults.push(error))).toBeNull();
  expect(faults).toMatchObject([{ code: '42P01' }]);
  expect(await lockTable(lead, await tableOf(database, 'kept'), fail)).not.toBeNull();
});
