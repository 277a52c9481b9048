import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { type SourceProcess, startSource } from './source-process.ts';

const STREAMING = '"msg":"streaming"';
const COPIED = '"msg":"table copied"';
const BACKFILL = fileURLToPath(new URL('../../../connectors/postgres-source/backfill.ts', import.meta.url));

/** The database's URL with a password: the server does not ask for it, the requests are signed with it. */
function signed(database: Pick<SourceDatabase, 'url'>): string {
  const url = new URL(database.url);
  url.password = 'of-the-role';
  return url.href;
}

async function cli(...args: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [BACKFILL, ...args])).stdout;
}

async function sourceUrl(source: SourceProcess): Promise<string> {
  return `http://127.0.0.1:${/"httpPort":(\d+)/.exec(await source.logged('"httpPort"'))?.[1]}`;
}

test('S136 a copy is paused, over a restart, and goes on where it was; a cancelled one is over', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.t`;
  const position = () => readPosition(view.kafka, `${database.name}.position`, database.name);
  await database.sql('CREATE TABLE t (id int PRIMARY KEY)');
  await database.sql('INSERT INTO t SELECT generate_series(1, 1000)');
  await using relay = await openPostgresRelay(signed(database));
  let marks = 0;
  relay.filterClient = (chunk) => {
    if (chunk.includes('millrace.chunk')) marks++;
    return marks > 6 && chunk.includes('millrace.chunk') ? null : chunk;
  };
  const flags = { tables: 'public.t', 'chunk-rows-max': '20' };
  await using first = startSource({ ...database, url: relay.url }, flags);
  await view.kafka.waitForTopics([topic], new AbortController().signal);
  await view.eventsOnce(topic, 60);
  const ask = (action: string): Promise<string> =>
    cli('public.t', '--database-url', signed(database), '--action', action);
  await ask('pause');
  await first.logged('the copy is paused');
  await database.sql('INSERT INTO t VALUES (5000)');
  await expect
    .poll(async () => (await position())?.copies, { timeout: 30_000 })
    .toMatchObject({ open: [{ paused: true }] });
  await first.end('SIGKILL');

  await using second = startSource({ ...database, url: signed(database) }, flags);
  await second.logged('stream begins');
  const url = await sourceUrl(second);
  await expect
    .poll(() => cli('--status', '--source-url', url), { timeout: 30_000 })
    .toMatch(/^public\.t: paused, \d+ rows/);
  await database.sql('INSERT INTO t VALUES (5001)');
  await expect
    .poll(async () => (await view.events(topic)).some(({ key }) => key?.['id'] === 5001), { timeout: 30_000 })
    .toBe(true);
  const paused = (await view.events(topic)).filter(({ op }) => op === 'r').length;
  expect(paused).toBeLessThan(1000);
  await ask('resume');
  await second.logged(COPIED);
  const events = await view.eventsOnce(topic, 1002);
  expect(events).toHaveLength(1002);
  expect(new Set(events.map(({ key }) => key?.['id'])).size).toBe(1002);
  await ask('cancel');
  await second.logged('nothing to cancel');
});

test('S136 a cancelled copy ends, and the source does its regular work', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY)');
  await database.sql('INSERT INTO t SELECT generate_series(1, 500)');
  await using relay = await openPostgresRelay(signed(database));
  let marks = 0;
  const stuck = Promise.withResolvers<void>();
  relay.filterClient = (chunk) => {
    if (!chunk.includes('millrace.chunk')) return chunk;
    if (++marks > 3) stuck.resolve();
    return marks > 3 ? null : chunk;
  };
  const flags = { tables: 'public.t', 'chunk-rows-max': '20' };
  await using source = startSource({ ...database, url: relay.url }, flags);
  await stuck.promise;
  await cli('public.t', '--database-url', signed(database), '--action', 'cancel');
  await source.logged('the copy is cancelled');
  await source.logged(STREAMING);
  await database.sql('INSERT INTO t VALUES (1000)');
  const keys = async () => (await view.events(`${database.name}.public.t`)).map(({ key }) => key?.['id']);
  await expect.poll(keys, { timeout: 30_000 }).toContain(1000);
  expect((await keys()).length).toBeLessThan(500);
});

test('S81 a chunked copy holds no transaction between its chunks', async () => {
  await using database = await createSourceDatabase();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY)');
  await database.sql('INSERT INTO t SELECT generate_series(1, 500)');
  await using relay = await openPostgresRelay(database.url);
  let marks = 0;
  const stuck = Promise.withResolvers<void>();
  relay.filterClient = (chunk) => {
    if (!chunk.includes('millrace.chunk')) return chunk;
    if (++marks > 3) stuck.resolve();
    return marks > 3 ? null : chunk;
  };
  await using source = startSource(
    { ...database, url: relay.url },
    { tables: 'public.t', 'chunk-rows-max': '20' },
  );
  await stuck.promise;
  const held = await database.sql(`SELECT application_name FROM pg_stat_activity
    WHERE application_name LIKE 'millrace-%${database.name}' AND backend_type = 'client backend'
      AND (xact_start IS NOT NULL OR backend_xmin IS NOT NULL)`);
  expect(held).toEqual([]);
  const copying = await database.sql(
    `SELECT count(*) FROM pg_stat_activity WHERE application_name = 'millrace-copy ${database.name}'`,
  );
  expect(Number(copying[0]?.[0])).toBeGreaterThan(0);
  expect(source.log()).not.toContain(STREAMING);
});

test.for(['chunked', 'exported'])(
  'S80 a table that cannot be read (%s): the others are copied, it is tried again',
  async (mode) => {
    await using database = await createSourceDatabase();
    await using view = await KafkaView.open();
    await database.sql('CREATE TABLE bad (id int PRIMARY KEY); CREATE TABLE good (id int PRIMARY KEY)');
    await database.sql(
      'INSERT INTO bad SELECT generate_series(0, 99); INSERT INTO good SELECT generate_series(1, 300)',
    );
    await database.sql('CREATE PUBLICATION millrace FOR TABLE bad WHERE (100 / id > 0), good');
    await using source = startSource(database, { 'snapshot-mode': mode, 'chunk-rows-max': '50' });
    await source.logged('mend it, or cancel its copy');
    await view.eventsOnce(`${database.name}.public.good`, 300);
    await database.sql('INSERT INTO good VALUES (1000)');
    await view.eventsOnce(`${database.name}.public.good`, 301);
    const { body } = await source.get('/metrics');
    expect(body).toContain('millrace_snapshot_failing{schema="public",table="bad"} 1');
    expect((await source.get('/readyz')).status).toBe(503);
    const status = await cli('--status', '--source-url', await sourceUrl(source));
    expect(status).toMatch(/^public\.bad: failing/);
    await database.sql('ALTER PUBLICATION millrace SET TABLE bad WHERE (id >= 0), good');
    await source.logged(STREAMING);
    expect(await view.eventsOnce(`${database.name}.public.bad`, 100)).toHaveLength(100);
    expect(await view.events(`${database.name}.public.good`)).toHaveLength(301);
  },
);

test('S78 a backfill tells its rows, percent, rate and time left until it is done', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.t`;
  await database.sql('CREATE TABLE t (id int PRIMARY KEY)');
  await database.sql('INSERT INTO t SELECT generate_series(1, 60)');
  await using relay = await openPostgresRelay(database.url);
  const slow = { ...database, url: relay.url };
  await using source = startSource(slow, { tables: 'public.t', 'chunk-rows-max': '1' });
  await source.logged(STREAMING);
  // 60 chunks of three round trips: some seconds, in which the command asks every second.
  relay.delayMs = 10;
  const url = await sourceUrl(source);
  expect(await cli('--status', '--source-url', url)).toBe('no table is being copied\n');
  const said = await cli('public.t', '--database-url', database.url, '--wait', '--source-url', url);
  expect(said).toMatch(/public\.t: copying, \d+ rows, \d+ %, \d+ rows\/s, \d+ s left\n/);
  expect(said).toMatch(/public\.t: copied\n$/);
  expect(await view.eventsOnce(topic, 120)).toHaveLength(120);
  const { body } = await source.get('/metrics');
  for (const metric of ['progress_ratio', 'remaining_seconds', 'rows_per_second', 'rows_total'])
    expect(body).toContain(`millrace_snapshot_${metric}{schema="public",table="t"`);
});

test('S102 a role that may read the published columns alone copies in chunks', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, secret text)');
  await database.sql("INSERT INTO t SELECT g, 'hidden' FROM generate_series(1, 300) g");
  const url = await database.grantSource(['public.t']);
  const { name } = database;
  await database.sql(`ALTER PUBLICATION millrace SET TABLE t (id);
    REVOKE SELECT ON t FROM ${name}; GRANT SELECT (id) ON t TO ${name}`);
  await using source = startSource({ ...database, url }, { 'chunk-rows-max': '50' });
  await source.logged(STREAMING);
  const events = await view.eventsOnce(`${name}.public.t`, 300);
  expect(events).toHaveLength(300);
  expect(Object.keys(events[0]?.value ?? {})).not.toContain('secret');
});
