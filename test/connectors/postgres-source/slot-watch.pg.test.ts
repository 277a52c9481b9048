import { expect, test } from 'vitest';
import { SlotMonitor } from '../../../connectors/postgres-source/watch/slot-monitor.ts';
import { watchSlot } from '../../../connectors/postgres-source/watch/slot-watch.ts';
import { SourceMetrics } from '../../../connectors/postgres-source/source-metrics.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { type Log, silentLog } from '../../../infra/process/log.ts';
import { Metrics } from '../../../infra/process/metrics.ts';
import { type ManualClock, manualClock } from './manual-clock.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';

/** A watch over a slot of a least-privileged role that nobody reads, looking when the test says so. */
interface Watched extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly lines: string[];
  readonly errors: unknown[];
  readonly metrics: SourceMetrics;
  readonly text: () => Promise<string>;
  /** Lets time pass and the watch look, until `done`. */
  readonly lookUntil: (done: () => boolean) => Promise<void>;
}

function recordingLog(lines: string[]): Log {
  const line = (fields: object, message: string): void =>
    void lines.push(`${JSON.stringify(fields)} ${message}`);
  return { ...silentLog, info: line, warn: line, error: line };
}

async function lookUntil(clock: ManualClock, done: () => boolean): Promise<void> {
  while (!done()) {
    clock.nowMs += 10_000;
    clock.tick();
    await new Promise((resolve) => setImmediate(resolve));
  }
}

async function watch(database: SourceDatabase, tables: readonly string[]): Promise<Watched> {
  const url = await database.grantSource(['public.t', 'public.u']);
  await database.sql(`SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`);
  const sql = await WireConnection.open({ url, replication: false, applicationName: 'watch-test' });
  const clock = manualClock();
  const [lines, errors]: [string[], unknown[]] = [[], []];
  const registry = new Metrics();
  const metrics = new SourceMetrics(registry);
  metrics.phase = null;
  const [[oid = ''] = []] = await database.sql("SELECT oid FROM pg_publication WHERE pubname = 'millrace'");
  const watching = watchSlot({
    sql,
    slotName: database.name,
    publicationName: 'millrace',
    publicationOid: Number(oid),
    tables,
    metrics,
    clock,
    log: recordingLog(lines),
    onError: (error) => errors.push(error),
  });
  return {
    clock,
    lines,
    errors,
    metrics,
    text: () => registry.text(),
    lookUntil: (done) => lookUntil(clock, done),
    async [Symbol.asyncDispose]() {
      watching[Symbol.dispose]();
      await sql[Symbol.asyncDispose]();
    },
  };
}

async function withTables(): Promise<SourceDatabase> {
  const database = await createSourceDatabase();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY)');
  return database;
}

/** The message of a probe is in the WAL: the slot has something to read. */
async function probed(database: SourceDatabase): Promise<void> {
  await database.until(
    `SELECT count(*) > 0 FROM pg_logical_slot_peek_binary_changes('${database.name}', NULL, NULL,
       'proto_version', '1', 'publication_names', 'millrace', 'messages', 'true') WHERE get_byte(data, 0) = 77`,
  );
}

test('S118 S120 a probe is written by the role itself; acknowledged, the source is idle and has no lag', async () => {
  await using database = await withTables();
  await using watched = await watch(database, []);
  await probed(database);
  await watched.lookUntil(() => watched.metrics.phase !== null);
  expect(watched.metrics.phase).toContain('nothing was published');
  expect(await watched.text()).toContain('millrace_source_stalled 1');
  expect(watched.lines.join('\n')).toContain('source.stalled');
  await database.sql(`SELECT pg_replication_slot_advance('${database.name}', pg_current_wal_lsn())`);
  await watched.lookUntil(() => watched.metrics.phase === null);
  expect(await watched.text()).toContain('millrace_source_stalled 0');
  expect(watched.errors).toEqual([]);
});

test('S58 a slot that is dropped while it is read ends the stream', async () => {
  await using database = await withTables();
  await using watched = await watch(database, []);
  await probed(database);
  await database.sql(`SELECT pg_drop_replication_slot('${database.name}')`);
  await watched.lookUntil(() => watched.errors.length > 0);
  expect(watched.errors[0]).toMatchObject({ code: 'source.slot_missing', order: 'stop' });
});

test.each([
  ['dropped', 'DROP PUBLICATION millrace'],
  ['made again', 'DROP PUBLICATION millrace; CREATE PUBLICATION millrace FOR TABLE t, u'],
])('S101 a publication that is %s while it is read ends the stream', async (_, change) => {
  await using database = await withTables();
  await using watched = await watch(database, []);
  await probed(database);
  await database.sql(change);
  await watched.lookUntil(() => watched.errors.length > 0);
  expect(watched.errors[0]).toMatchObject({ code: 'source.publication_replaced', order: 'stop' });
});

test('S100 a table that the options name and that leaves the publication ends the stream', async () => {
  await using database = await withTables();
  await using watched = await watch(database, ['public.t']);
  await probed(database);
  await database.sql('ALTER PUBLICATION millrace DROP TABLE u');
  await watched.lookUntil(() => watched.lines.some((line) => line.includes('has left the publication')));
  expect(watched.errors).toEqual([]);
  await database.sql('ALTER PUBLICATION millrace DROP TABLE t');
  await watched.lookUntil(() => watched.errors.length > 0);
  expect(watched.errors[0]).toMatchObject({ code: 'source.publication_tables', order: 'stop' });
});

test('S11 S16 a table that loses its key while it is read is told of, until it has one again', async () => {
  await using database = await withTables();
  await using watched = await watch(database, []);
  await probed(database);
  await database.sql('ALTER TABLE t DROP CONSTRAINT t_pkey');
  await watched.lookUntil(() => watched.lines.some((line) => line.includes('table.no_identity')));
  expect(watched.lines.join('\n')).toContain('public.t');
  await database.sql('ALTER TABLE t ADD PRIMARY KEY (id)');
  await watched.lookUntil(() => watched.lines.some((line) => line.includes('over: ')));
  expect(watched.errors).toEqual([]);
});

test('a table that is dropped, or put back into the publication, is told of and the rest goes on', async () => {
  await using database = await withTables();
  await using watched = await watch(database, ['public.u']);
  await probed(database);
  await database.sql('DROP TABLE u');
  await watched.lookUntil(() => watched.lines.some((line) => line.includes('the table was dropped')));
  await database.sql('ALTER PUBLICATION millrace DROP TABLE t; ALTER PUBLICATION millrace ADD TABLE t');
  await watched.lookUntil(() => watched.lines.some((line) => line.includes('put back')));
  expect(watched.errors).toEqual([]);
});

test('S137 the slot is measured without a session of the source, and again after the connection was lost', async () => {
  await using database = await withTables();
  const url = await database.grantSource(['public.t']);
  await database.sql(`SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`);
  const registry = new Metrics();
  const { slot: metrics } = new SourceMetrics(registry);
  const lines: string[] = [];
  const clock = manualClock();
  const request = { databaseUrl: url, slotName: database.name, metrics, clock, log: recordingLog(lines) };
  await using monitor = SlotMonitor.start(request);
  await monitor.look();
  await database.sql("INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 1000) g");
  await database.sql(
    `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'millrace-monitor ${database.name}'`,
  );
  clock.nowMs = 10_000;
  while (/^millrace_slot_retained_wal_growth_bytes [1-9]/m.exec(await registry.text()) === null)
    await monitor.look();
  const text = await registry.text();
  expect(text).toContain('millrace_slot_wal_status{status="reserved"} 1');
  expect(text).toMatch(/^millrace_slot_active 0$/m);
  expect(Number(/^millrace_slot_retained_wal_bytes (\d+)/m.exec(text)?.[1])).toBeGreaterThan(1_000_000);
  expect(lines.filter((line) => line.endsWith(' slot'))).toHaveLength(1);
  expect(lines.some((line) => line.includes('slot.unlimited'))).toBe(true);
});
