import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OwnPostgres, startOwnPostgres } from '../../support/own-postgres.ts';
import { readSlot } from '../../../connectors/postgres-source/watch/slot-reading.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { type SourceProcess, startSource } from './source-process.ts';
import { STREAMING, acknowledged, told } from './streamed-tables.ts';

/** What happens to a whole server, or needs a setting of its own. */
let server: OwnPostgres;

beforeAll(async () => {
  server = await startOwnPostgres({ max_prepared_transactions: '5' });
});

afterAll(() => server?.[Symbol.asyncDispose]());

interface Table extends SourceDatabase {
  readonly topic: string;
  /** URL for a role with the rights that `sql.ts` prints and no others. */
  readonly roleUrl: string;
  /** Starts its source as that role. */
  readonly source: (flags?: Readonly<Record<string, string>>) => SourceProcess;
}

async function withTable(): Promise<Table> {
  const database = await createSourceDatabase('', server.url);
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
  const roleUrl = await database.grantSource(['public.t']);
  return {
    ...database,
    topic: `${database.name}.public.t`,
    roleUrl,
    source: (flags) => startSource({ ...database, url: roleUrl }, flags),
  };
}

function session({ url }: Table): Promise<WireConnection> {
  return WireConnection.open({ url, replication: false, applicationName: 'test' });
}

test('S34 a prepared transaction arrives when it is committed, in the order of commits, and not at all when rolled back', async () => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  await using source = database.source();
  await source.logged(STREAMING);
  const { name, sql } = database;
  await sql(`BEGIN; INSERT INTO t VALUES (1, 'prepared'); PREPARE TRANSACTION '${name} 1'`);
  await sql(`BEGIN; INSERT INTO t VALUES (2, 'given up'); PREPARE TRANSACTION '${name} 2'`);
  await sql("INSERT INTO t VALUES (3, 'between')");
  await acknowledged(database);
  expect(told(await view.eventsOnce(database.topic, 1))).toEqual(['c 3 between']);
  expect(await source.end('SIGKILL')).toBe('SIGKILL');
  await using second = database.source();
  await second.logged(STREAMING);
  await sql(`COMMIT PREPARED '${name} 1'`);
  await sql(`ROLLBACK PREPARED '${name} 2'`);
  await sql("INSERT INTO t VALUES (4, 'after')");
  await acknowledged(database);
  expect(told(await view.eventsOnce(database.topic, 3))).toEqual([
    'c 3 between',
    'c 1 prepared',
    'c 4 after',
  ]);
});

test('S66 a slot that waits for a writer names it, shows nothing of its values, and goes on at its end', async () => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  await database.sql("BEGIN; INSERT INTO t VALUES (1, 'secret')");
  const [[pid, xid] = []] = await database.sql('SELECT pg_backend_pid(), pg_current_xact_id()');
  // A chunk may repeat, as it is, a row that was streamed a moment ago.
  await using source = database.source({ 'snapshot-mode': 'exported' });
  const line = await source.logged('waits for');
  expect(line).toContain(`PID ${pid} (xid ${xid}`);
  expect(source.log()).not.toContain('secret');
  expect((await source.get('/readyz')).body).toContain('waits for');
  await database.sql("COMMIT; INSERT INTO t VALUES (2, 'later')");
  await source.logged(STREAMING);
  await acknowledged(database);
  expect(told(await view.eventsOnce(database.topic, 2)).map((text) => text.slice(2))).toEqual([
    '1 secret',
    '2 later',
  ]);
});

test('S66 a role that may see statistics is told of the statement and its age', async () => {
  await using database = await withTable();
  await database.sql(`GRANT pg_read_all_stats TO "${database.name}"`);
  await database.sql("BEGIN; INSERT INTO t VALUES (1, 'secret')");
  await using source = database.source();
  expect(await source.logged('waits for')).toMatch(/open for \d+ s, idle in transaction, BEGIN/);
  await database.sql('ROLLBACK');
  await source.logged(STREAMING);
});

test('S66 S34 a prepared transaction that blocks the slot is named', async () => {
  await using database = await withTable();
  const { name, sql } = database;
  await sql(`BEGIN; INSERT INTO t VALUES (1, 'a'); PREPARE TRANSACTION '${name} 3'`);
  await using source = database.source();
  expect(await source.logged('waits for')).toContain(`the prepared transaction '${name} 3'`);
  await sql(`COMMIT PREPARED '${name} 3'`);
  await source.logged(STREAMING);
});

test('S139 a server on the same machine is read through its Unix socket', async () => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  const url = new URL(database.roleUrl);
  const [row] = await server.sql('SHOW unix_socket_directories');
  url.searchParams.set('host', String(row?.['unix_socket_directories']));
  await using source = startSource({ ...database, url: url.href });
  await source.logged(STREAMING);
  const rows = 5_000;
  await database.sql(`INSERT INTO t SELECT g, repeat('x', 200) FROM generate_series(1, ${rows}) g`);
  await view.eventsOnce(database.topic, rows);
  // The socket's file goes with the server, and is not there before it is back.
  await server.stop('SIGINT');
  await source.logged('ENOENT');
  await server.start();
  await server.sql("INSERT INTO t VALUES (0, 'after')", database.name);
  expect(await view.eventsOnce(database.topic, rows + 1)).toHaveLength(rows + 1);
  expect(await source.end('SIGTERM')).toBe(0);
});

test('S66 S63 a source that waits for a writer ends when it is asked to, leaves no slot, and starts again', async () => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  await database.sql("BEGIN; INSERT INTO t VALUES (1, 'a')");
  await using first = database.source();
  await first.logged('waits for');
  expect(await first.end('SIGTERM')).toBe(0);
  await database.until(
    `SELECT NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = '${database.name}')`,
  );
  await database.sql('COMMIT');
  await using second = database.source();
  await second.logged(STREAMING);
  expect(told(await view.eventsOnce(database.topic, 1))).toEqual(['r 1 a']);
});

test.each(['SIGINT', 'SIGQUIT'] as const)(
  'S51 a server that is restarted while it is read (%s) costs nothing and doubles nothing',
  async (signal) => {
    await using database = await withTable();
    await using view = await KafkaView.open();
    await using source = database.source();
    await source.logged(STREAMING);
    let id = 0;
    const write = async (rows: number): Promise<void> => {
      for (let i = 0; i < rows; i++) await server.sql(`INSERT INTO t VALUES (${++id}, 'x')`, database.name);
    };
    await write(20);
    await view.eventsOnce(database.topic, 1);
    await write(20);
    await server.stop(signal);
    await server.start();
    await write(20);
    const events = await view.eventsOnce(database.topic, id);
    expect(told(events)).toEqual(Array.from({ length: id }, (_, i) => `c ${i + 1} x`));
    expect(await source.end('SIGTERM')).toBe(0);
  },
);

const BACKFILL = fileURLToPath(new URL('../../../connectors/postgres-source/backfill.ts', import.meta.url));

/** Every commit waits for a standby that is not there, until disposed. */
async function commitsThatHang(): Promise<AsyncDisposable> {
  const set = async (statement: string): Promise<void> => {
    await server.sql(`ALTER SYSTEM ${statement}`);
    await server.sql('SELECT pg_reload_conf()');
  };
  await set("SET synchronous_standby_names = 'nobody'");
  await expect
    .poll(() => server.sql('SHOW synchronous_standby_names'))
    .toEqual([{ synchronous_standby_names: 'nobody' }]);
  return { [Symbol.asyncDispose]: () => set('RESET synchronous_standby_names') };
}

test('S79b a copy waits for a commit that hangs on a synchronous standby and was streamed, and sets nothing back', async () => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  await database.sql("INSERT INTO t SELECT g, 'old' FROM generate_series(1, 40) g");
  const signing = new URL(database.roleUrl);
  signing.password = 'signs the request';
  await using source = startSource(
    { ...database, url: signing.href },
    { 'chunk-rows-max': '1', 'snapshot-mode': 'exported' },
  );
  await source.logged(STREAMING);
  await using gate = await session(database);
  await gate.query('SELECT pg_advisory_lock(7)');
  await using standby = await commitsThatHang();
  const where = 'id <> 20 OR pg_advisory_xact_lock_shared(7) IS NOT NULL';
  await promisify(execFile)(process.execPath, [
    BACKFILL,
    'public.t',
    '--database-url',
    signing.href,
    '--where',
    where,
  ]);
  // The copy is on its way to the last row, and cannot come there yet.
  await database.until("SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)");
  const hanging = database.sql("UPDATE t SET v = 'new' WHERE id = 40");
  const ofLast = async () => (await view.table(database.topic)).get('40')?.['v'];
  await expect.poll(ofLast, { timeout: 30_000 }).toBe('new');
  await gate.query('SELECT pg_advisory_unlock(7)');
  const metrics = async () => (await source.get('/metrics')).body;
  await expect.poll(metrics, { timeout: 30_000 }).toMatch(/chunks_total\{.*result="again"\} [1-9]/);
  expect(await server.sql('SELECT v FROM t WHERE id = 40', database.name)).toEqual([{ v: 'old' }]);
  expect(source.log()).not.toContain('"msg":"table copied"');
  await standby[Symbol.asyncDispose]();
  await hanging;
  await source.logged('"msg":"table copied"');
  const events = await view.eventsOnce(database.topic, 81);
  const ofRow = told(events.filter(({ key }) => Number(key?.['id']) === 40));
  expect(ofRow).toEqual(['r 40 old', 'u 40 new', 'r 40 new']);
});

/** What the sessions of the source keep VACUUM from, as `SQL` that gives one text: a number, or nothing. */
const XMIN = (name: string): string =>
  `SELECT max(age(backend_xmin))::text FROM pg_stat_activity WHERE application_name LIKE 'millrace-%${name}'`;

test('S81 the first copy holds back VACUUM as long as it lasts, a chunked copy as long as a chunk', async () => {
  await using database = await withTable();
  await database.sql(
    "INSERT INTO t SELECT g, 'x' FROM generate_series(1, 100) g; INSERT INTO t VALUES (101, 'stop here')",
  );
  await using relay = await openPostgresRelay(database.url);
  relay.filterServer = (chunk) => (chunk.includes('stop here') ? null : chunk);
  await using source = startSource({ ...database, url: relay.url }, { 'snapshot-mode': 'exported' });
  const held = async (): Promise<number> => Number((await database.sql(XMIN(database.name)))[0]?.[0] ?? 0);
  await database.until(
    `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'millrace-snapshot ${database.name}' AND backend_xmin IS NOT NULL)`,
  );
  const before = await held();
  for (let i = 0; i < 20; i++) await database.sql('SELECT pg_current_xact_id()');
  expect(await held()).toBeGreaterThanOrEqual(before + 20);
  await using looking = await session(database);
  expect((await readSlot(looking, database.name))?.readXminAge).toBeGreaterThanOrEqual(before + 20);
  await source.end('SIGKILL');

  relay.filterServer = (chunk) => chunk;
  await using chunked = startSource(
    { ...database, url: relay.url },
    { 'snapshot-mode': 'chunked', 'chunk-rows-max': '10' },
  );
  await chunked.logged('table copied');
  await chunked.logged(STREAMING);
  for (let i = 0; i < 20; i++) await database.sql('SELECT pg_current_xact_id()');
  expect((await readSlot(looking, database.name))?.readXminAge).toBeLessThan(20);
});
