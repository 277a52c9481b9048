import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { STREAMING, acknowledged, streamTables } from './streamed-tables.ts';
import { debeziumEvents, toldChanges } from './debezium-view.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource, stateDirOf } from './source-process.ts';
import { KafkaView } from './cdc-topic.ts';

const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';
const DEBEZIUM = { envelope: 'debezium', partitions: '1' };

/** The test's tables in the debezium envelope, read by the stock decoder. */
async function debeziumTables(ddl: string, tables: readonly string[], flags: Record<string, string> = {}) {
  const streamed = await streamTables(ddl, tables, { ...DEBEZIUM, ...flags });
  const events = async (table: string) => {
    await acknowledged(streamed.database);
    return debeziumEvents(streamed.view, streamed.topicOf(table));
  };
  const [sql, dispose] = [streamed.database.sql, streamed[Symbol.asyncDispose].bind(streamed)];
  return { ...streamed, events, sql, [Symbol.asyncDispose]: dispose };
}

test('S3 S6 S9 events as Debezium has them: no row before an update, the key before a delete, then a tombstone', async () => {
  await using tables = await debeziumTables(T, ['t']);
  await tables.sql("INSERT INTO t VALUES (1, 'a')");
  await tables.sql("UPDATE t SET v = 'b'");
  await tables.sql('UPDATE t SET id = 2');
  await tables.sql('DELETE FROM t');
  const events = await tables.events('t');
  expect(toldChanges(events)).toEqual([
    'c 1: - > 1/a',
    'u 1: - > 1/b',
    'd 1: 1/ > -',
    'tombstone 1',
    'c 2: - > 2/b',
    'd 2: 2/ > -',
    'tombstone 2',
  ]);
  const keys = events.map(({ headers }) =>
    [...headers.keys()].filter((name) => name.startsWith('__debezium')),
  );
  expect(keys.flat()).toEqual(['__debezium.newkey', '__debezium.newkey', '__debezium.oldkey']);
  const [{ name, db, schema, table, snapshot, connector, lsn, sequence, txId, ts_ms, ts_us, ts_ns }] = [
    events[1]?.value?.['source'] as Record<string, bigint>,
  ];
  expect({ name, db, schema, table, snapshot, connector }).toEqual({
    name: tables.database.name,
    db: tables.database.name,
    schema: 'public',
    table: 't',
    snapshot: 'false',
    connector: 'postgresql',
  });
  expect(sequence).toMatch(new RegExp(`^\\["\\d+","${lsn}"\\]$`));
  expect([ts_us! / 1000n, ts_ns! / 1000n, txId! > 0n]).toEqual([ts_ms, ts_us, true]);
  const places = events.flatMap(({ value }) => (value === null ? [] : [value['source'] as { lsn: bigint }]));
  expect(places.map((place) => place.lsn)).toEqual(
    places.map((place) => place.lsn).toSorted((a, b) => (a < b ? -1 : 1)),
  );
});

test('S7 without tombstones a changed key is a delete and a create', async () => {
  await using tables = await debeziumTables(T, ['t'], { 'tombstones-on-delete': 'false' });
  await tables.sql("INSERT INTO t VALUES (1, 'a'); UPDATE t SET id = 2; DELETE FROM t");
  expect(toldChanges(await tables.events('t'))).toEqual([
    'c 1: - > 1/a',
    'd 1: 1/ > -',
    'c 2: - > 2/a',
    'd 2: 2/ > -',
  ]);
});

test('S4 S8 S10 with REPLICA IDENTITY FULL every row before is whole, also where keys are swapped', async () => {
  await using tables = await debeziumTables(
    `${T} ALTER TABLE t REPLICA IDENTITY FULL;
     CREATE TABLE sw (id int PRIMARY KEY DEFERRABLE, v text); ALTER TABLE sw REPLICA IDENTITY FULL;`,
    ['t', 'sw'],
  );
  await tables.sql("INSERT INTO t VALUES (1, 'a')");
  await tables.sql("UPDATE t SET v = 'b'");
  await tables.sql('UPDATE t SET id = 2');
  await tables.sql('DELETE FROM t');
  expect(toldChanges(await tables.events('t'))).toEqual([
    'c 1: - > 1/a',
    'u 1: 1/a > 1/b',
    'd 1: 1/b > -',
    'tombstone 1',
    'c 2: - > 2/b',
    'd 2: 2/b > -',
    'tombstone 2',
  ]);
  await tables.sql("INSERT INTO sw VALUES (1, 'one'), (2, 'two')");
  await tables.sql('UPDATE sw SET id = 3 - id');
  await tables.sql('DELETE FROM sw WHERE id = 1');
  expect(toldChanges(await tables.events('sw'))).toEqual([
    'c 1: - > 1/one',
    'c 2: - > 2/two',
    'u 1: 1/one > 1/two',
    'u 2: 2/two > 2/one',
    'd 1: 1/two > -',
    'tombstone 1',
  ]);
});

test('S21 S24 S26 large values that were not sent are in after, from the snapshot on and after a rebuild', async () => {
  await using tables = await debeziumTables(
    `CREATE TABLE big (id int PRIMARY KEY, body text, n int); ALTER TABLE big ALTER body SET STORAGE EXTERNAL;
     INSERT INTO big VALUES (1, repeat('x', 9000), 1)`,
    ['big'],
  );
  const body = 'x'.repeat(9000);
  await tables.sql('UPDATE big SET n = 2; UPDATE big SET id = 2');
  expect((await tables.events('big')).at(-1)?.value).toMatchObject({ op: 'c', after: { id: 2, body, n: 2 } });
  await tables.source().end('SIGKILL');
  await rm(stateDirOf(tables.database), { recursive: true });
  await tables.start();
  await tables.sql('UPDATE big SET n = 3');
  const updated = (await tables.events('big')).at(-1);
  expect(updated?.value).toMatchObject({ op: 'u', after: { id: 2, body, n: 3 } });
  expect(updated?.headers.has('__unchanged')).toBe(false);
});

test('S24 a new key does not lose an out-of-line value in silence', async () => {
  await using tables = await debeziumTables(
    'CREATE TABLE big (id int PRIMARY KEY, body text, doc bytea, n int); ALTER TABLE big ALTER body SET STORAGE EXTERNAL, ALTER doc SET STORAGE EXTERNAL;',
    ['big'],
    { toast: 'mark' },
  );
  await tables.sql("INSERT INTO big VALUES (1, repeat('x', 9000), decode(repeat('ab', 9000), 'hex'), 1)");
  await tables.sql('UPDATE big SET id = 2');
  const events = await tables.events('big');
  const created = events.at(-1);
  const text = '__debezium_unavailable_value';
  expect(created?.value).toMatchObject({
    op: 'c',
    after: { id: 2, body: text, doc: Buffer.from(text), n: 1 },
  });
  expect(String(created?.headers.get('__unchanged'))).toBe('["body","doc"]');
});

test('S107 S108 a TRUNCATE of several tables is one event of each, in its place', async () => {
  await using tables = await debeziumTables(
    `${T} CREATE TABLE child (id int PRIMARY KEY, t int REFERENCES t);`,
    ['t', 'child'],
    { 'on-truncate': 'publish' },
  );
  await tables.sql("INSERT INTO t VALUES (1, 'a'); TRUNCATE t CASCADE; INSERT INTO t VALUES (1, 'b')");
  const events = await tables.events('t');
  expect(toldChanges(events)).toEqual(['c 1: - > 1/a', 't -: - > -', 'c 1: - > 1/b']);
  expect(events[1]?.key).toBeNull();
  expect(toldChanges(await tables.events('child'))).toEqual(['t -: - > -']);
});

test('S65 a snapshot, a backfill in chunks and a table without a key are told in the same envelope', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`${T} CREATE TABLE log (v text); CREATE TABLE late (id int PRIMARY KEY, v text);
    INSERT INTO t VALUES (1, 'a'), (2, 'b'); INSERT INTO log VALUES ('x'); INSERT INTO late VALUES (1, 'z')`);
  await using source = startSource(database, {
    ...DEBEZIUM,
    tables: 'public.t,public.log',
    'snapshot-mode': 'exported',
  });
  await source.logged(STREAMING);
  await database.sql('ALTER PUBLICATION millrace ADD TABLE late');
  const topic = (table: string): string => `${database.name}.public.${table}`;
  await source.logged('"table":"public.late","topic"');
  while ((await debeziumEvents(view, topic('late'))).length === 0);
  const marks = async (table: string) =>
    (await debeziumEvents(view, topic(table))).map(({ value }) => {
      const source = value?.['source'] as { snapshot: string } | undefined;
      return `${String(value?.['op'])} ${source?.snapshot}`;
    });
  expect(await marks('late')).toEqual(['r incremental']);
  const first = [...(await marks('t')), ...(await marks('log'))];
  expect(first.toSorted()).toEqual(['r first', 'r first_in_data_collection', 'r true']);
});

test('S4 S135 policies hold for the row before; a bad row is set aside, and its end leaves no tombstone', async () => {
  await using tables = await debeziumTables(
    'CREATE TABLE stays (at timestamptz PRIMARY KEY, guest text, card text); ALTER TABLE stays REPLICA IDENTITY FULL;',
    ['stays'],
    {
      'on-bad-row': 'dead-letter',
      'column-exclude-list': String.raw`.*\.card`,
      'column-policies': String.raw`.*\.guest=mask`,
    },
  );
  await tables.sql("INSERT INTO stays VALUES ('infinity', 'RAW', 'RAW')");
  await tables.sql("UPDATE stays SET at = '2020-01-01'");
  await tables.sql("UPDATE stays SET at = 'infinity'");
  await tables.sql('DELETE FROM stays');
  const events = await tables.events('stays');
  const shown = (image: unknown) => (image === null ? null : Object.keys(image as object).join());
  expect(events.map(({ value }) => [value?.['op'], shown(value?.['before'] ?? null)])).toEqual([
    ['u', null],
    ['d', 'at,guest'],
    [undefined, null],
  ]);
  expect(
    JSON.stringify(events, (_, v) => (typeof v === 'bigint' ? String(v) : (v as unknown))),
  ).not.toContain('RAW');
  const letters = await tables.view.records(`${tables.database.name}.dlq`);
  expect(letters.map(({ value }) => (JSON.parse(String(value)) as { op: string }).op)).toEqual([
    'c',
    'c',
    'd',
  ]);
});

test('S107 with --on-truncate stop the source ends before the TRUNCATE, and skip takes it past it', async () => {
  await using tables = await streamTables(T, ['t'], { 'on-truncate': 'stop' });
  await tables.database.sql("INSERT INTO t VALUES (1, 'a')");
  await tables.database.sql("TRUNCATE t; INSERT INTO t VALUES (2, 'b')");
  expect(await tables.source().exited).toBe(1);
  expect(tables.source().log()).toContain('"code":"source.truncated"');
  expect(tables.source().log()).toContain('table public.t was truncated');
  await tables.start({ 'on-truncate': 'skip' });
  expect((await tables.settled('t')).map(({ key }) => key?.['id'])).toEqual([1, 2]);
});

test('S116 a logical message is an event of op m', async () => {
  await using tables = await debeziumTables(T, ['t'], { 'message-prefix-include': 'audit' });
  await tables.sql("SELECT pg_logical_emit_message(true, 'audit', '\\x00ff'::bytea)");
  await acknowledged(tables.database);
  const [event] = await debeziumEvents(tables.view, `${tables.database.name}.message`);
  expect(event?.key).toEqual({ prefix: 'audit' });
  expect(event?.value).toMatchObject({
    op: 'm',
    message: { prefix: 'audit', content: Buffer.from([0, 255]) },
    source: { schema: '', table: '', snapshot: 'false' },
    transaction: null,
  });
});
