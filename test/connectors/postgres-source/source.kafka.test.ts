import { expect, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { parseLsn } from '../../../connectors/postgres-source/place/lsn.ts';
import { type ProgressCut, decodeProgress } from '../../../schemas/progress.ts';
import { type Event, KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';

const ORDERS = { tables: 'public.orders' };
const EXPORTED = { ...ORDERS, 'snapshot-mode': 'exported' };
const STREAMING = '"msg":"streaming"';

/** The source logs in as the role of `sql.ts`, the test as a superuser. */
async function withOrders(): Promise<SourceDatabase & { readonly topic: string }> {
  const database = await createSourceDatabase();
  await database.sql('CREATE TABLE orders (id bigint PRIMARY KEY, note text, amount numeric(12,2))');
  const url = await database.grantSource(['public.orders']);
  return { ...database, url, topic: `${database.name}.public.orders` };
}

/** The slot has acknowledged everything that is committed now. */
async function acknowledged(database: SourceDatabase): Promise<void> {
  const [[lsn = ''] = []] = await database.sql('SELECT pg_current_wal_lsn()');
  await database.until(
    `SELECT confirmed_flush_lsn >= '${lsn}' FROM pg_replication_slots WHERE slot_name = '${database.name}'`,
  );
}

async function confirmedFlush(database: SourceDatabase): Promise<bigint> {
  const [[flush = ''] = []] = await database.sql(
    `SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '${database.name}'`,
  );
  return parseLsn(flush);
}

const identities = (events: readonly Event[]): string[] => events.map(({ identity }) => identity);

/** Every event once; the two records of a changed key share an identity and differ in the key. */
function expectNoDuplicates(events: readonly Event[]): void {
  const all = events.map(({ identity, key }) => `${identity} ${Object.values(key ?? {}).join('/')}`);
  expect(all.length).toBe(new Set(all).size);
}

test('S65 rows that were there, and what happens to them after, arrive in order with their operations', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await database.sql("INSERT INTO orders VALUES (1, 'one', 1.50), (2, NULL, -2.25), (3, 'three', NULL)");
  await using source = startSource(database, ORDERS);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO orders VALUES (4, 'four', 4)");
  await database.sql("UPDATE orders SET note = 'zwei' WHERE id = 2");
  await database.sql('UPDATE orders SET id = 33 WHERE id = 3');
  await database.sql('DELETE FROM orders WHERE id = 1');
  const events = await view.eventsOnce(database.topic, 8);
  const told = events.map(({ op, key, value }) => [op, key?.['id'], value?.['note'] ?? null]);
  expect(told.slice(0, 3).toSorted((a, b) => Number(a[1]) - Number(b[1]))).toEqual([
    ['r', 1n, 'one'],
    ['r', 2n, null],
    ['r', 3n, 'three'],
  ]);
  expect(told.slice(3, 5)).toEqual([
    ['c', 4n, 'four'],
    ['u', 2n, 'zwei'],
  ]);
  expect(told.slice(5, 7)).toEqual(
    expect.arrayContaining([
      ['d', 3n, null],
      ['c', 33n, 'three'],
    ]),
  );
  expect(told.slice(7)).toEqual([['d', 1n, null]]);
  expect(events[4]?.value?.['amount']).toEqual({ unscaled: -225n, scale: 2 });
  expect((await source.get('/readyz')).status).toBe(200);
  await acknowledged(database);
  expect((await source.get('/metrics')).body).toContain(
    'millrace_events_total{schema="public",table="orders",op="d"} 2',
  );
  expect(await source.end('SIGTERM')).toBe(0);
});

test('S67 a snapshot under writes, then the stream: the topic is the table, every change once', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await database.sql("INSERT INTO orders SELECT g, 'old', g FROM generate_series(1, 3000) g");
  await using source = startSource(database, EXPORTED);
  const streaming = source.logged(STREAMING);
  let done = false;
  void streaming.then(() => {
    done = true;
  });
  for (let i = 0; !done || i < 50; i++)
    await database.sql(
      `UPDATE orders SET note = 'new ${i}' WHERE id % 97 = ${i % 97}; DELETE FROM orders WHERE id = ${i * 7};
       INSERT INTO orders VALUES (${10_000 + i}, 'added', 0)`,
    );
  await acknowledged(database);
  const rows = await database.sql('SELECT id, note, amount FROM orders ORDER BY id');
  const table = [...(await view.table(database.topic)).values()].toSorted(
    (a, b) => Number(a['id']) - Number(b['id']),
  );
  expect(table.map(({ id, note }) => [String(id), note])).toEqual(rows.map(([id, note]) => [id, note]));
  expectNoDuplicates(await view.events(database.topic));
});

test('the first progress cut follows the whole snapshot, and a cut covers every partition', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await database.sql("INSERT INTO orders SELECT g, 'old', g FROM generate_series(1, 500) g");
  await using source = startSource(database, { ...ORDERS, partitions: '3' });
  await source.logged(STREAMING);
  await database.sql("INSERT INTO orders VALUES (501, 'last', 0)");
  const [[committed = ''] = []] = await database.sql('SELECT pg_current_wal_lsn()');
  let cuts: ProgressCut[] = [];
  while ((cuts.at(-1)?.endLsn ?? 0n) < parseLsn(committed))
    cuts = (await view.records(`${database.name}.progress`)).map(({ value }) =>
      decodeProgress(value as Buffer),
    );
  const [first, last] = [cuts[0] as ProgressCut, cuts.at(-1) as ProgressCut];
  const sum = (ends: readonly number[] = []): number => ends.reduce((a, b) => a + b, 0);
  expect(first.offsets[database.topic]).toHaveLength(3);
  expect(sum(first.offsets[database.topic])).toBeGreaterThanOrEqual(500);
  const [[current = ''] = []] = await database.sql("SELECT pg_current_wal_lsn() - '0/0'");
  expect(last.endLsn <= BigInt(current)).toBe(true);
  for (const record of await view.records(database.topic))
    expect(record.offset).toBeLessThan(last.offsets[database.topic]?.[record.partition] ?? 0);
});

test('S41 commits that stand side by side in the WAL are each delivered once, over kills', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  for (let i = 1; i <= 4; i++) {
    await using source = startSource(database, ORDERS);
    await source.logged(STREAMING);
    await database.sql(`INSERT INTO orders VALUES (${i * 10}, 'a', 0)`);
    await view.eventsOnce(database.topic, i * 2 - 1);
    await acknowledged(database);
    await source.end('SIGKILL');
    await database.sql(`INSERT INTO orders VALUES (${i * 10 + 1}, 'b', 0)`);
    await using next = startSource(database, ORDERS);
    await view.eventsOnce(database.topic, i * 2);
    await next.end('SIGKILL');
  }
  const events = await view.events(database.topic);
  expect(events.map(({ key }) => key?.['id'])).toEqual([10n, 11n, 20n, 21n, 30n, 31n, 40n, 41n]);
});

test('S42 a kill between the commit in Kafka and the acknowledgement doubles nothing', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await using relay = await openPostgresRelay(database.url);
  // The server never hears a status frame: CopyData of 38 bytes with 'r'.
  relay.filterClient = (chunk) => (chunk[0] === 0x64 && chunk[5] === 0x72 ? null : chunk);
  await using deaf = startSource({ ...database, url: relay.url }, ORDERS);
  await deaf.logged(STREAMING);
  for (let i = 1; i <= 20; i++) await database.sql(`INSERT INTO orders VALUES (${i}, 'x', 0)`);
  const before = await view.eventsOnce(database.topic, 20);
  await deaf.end('SIGKILL');
  const position = await readPosition(view.kafka, `${database.name}.position`, database.name);
  expect(await confirmedFlush(database)).toBeLessThan(position?.endLsn ?? 0n);
  await using source = startSource(database, ORDERS);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO orders VALUES (21, 'x', 0)");
  const events = await view.eventsOnce(database.topic, 21);
  expect(identities(events).slice(0, 20)).toEqual(identities(before));
  expectNoDuplicates(events);
  expect(events).toHaveLength(21);
});

test('S43 a transaction larger than the budget is resumed in its middle after a kill', async () => {
  const rows = 5000;
  await using database = await withOrders();
  await using view = await KafkaView.open();
  const small = { ...ORDERS, 'batch-bytes-max': '40000' };
  await using relay = await openPostgresRelay(database.url);
  await using first = startSource({ ...database, url: relay.url }, small);
  await first.logged(STREAMING);
  let passed = 0;
  relay.filterServer = (chunk) => {
    passed += chunk.length;
    return passed < 300_000 ? chunk : null;
  };
  await database.sql(`INSERT INTO orders SELECT g, repeat('x', 100), g FROM generate_series(1, ${rows}) g`);
  const partly = await view.eventsOnce(database.topic, 1000);
  await first.end('SIGKILL');
  const position = await readPosition(view.kafka, `${database.name}.position`, database.name);
  expect(position?.open?.seq).toBeGreaterThanOrEqual(partly.length);
  await using second = startSource(database, small);
  const events = await view.eventsOnce(database.topic, rows);
  await acknowledged(database);
  expect(await view.events(database.topic)).toHaveLength(rows);
  expect(events.map(({ value }) => Number(value?.['__seq']))).toEqual(
    Array.from({ length: rows }, (_, i) => i + 1),
  );
  expect(new Set(events.map(({ value }) => value?.['__lsn'])).size).toBe(1);
  expect(await second.end('SIGTERM')).toBe(0);
});

test('S69 a kill while the tables are read begins them again, and the topic ends as the table', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await database.sql("INSERT INTO orders SELECT g, repeat('x', 100), g FROM generate_series(1, 3000) g");
  await database.sql("INSERT INTO orders VALUES (5000, 'stop here', 0)");
  await using relay = await openPostgresRelay(database.url);
  relay.filterServer = (chunk) => (chunk.includes('stop here') ? null : chunk);
  await using first = startSource(
    { ...database, url: relay.url },
    { ...EXPORTED, 'batch-bytes-max': '20000' },
  );
  await view.kafka.waitForTopics([database.topic], new AbortController().signal);
  await view.eventsOnce(database.topic, 100);
  await first.end('SIGKILL');
  await database.sql("DELETE FROM orders WHERE id <= 10; UPDATE orders SET note = 'later' WHERE id = 11");
  await using second = startSource(database, EXPORTED);
  await second.logged(STREAMING);
  await acknowledged(database);
  const rows = await database.sql('SELECT id, note FROM orders ORDER BY id');
  const table = [...(await view.table(database.topic)).values()].toSorted(
    (a, b) => Number(a['id']) - Number(b['id']),
  );
  expect(table.map(({ id, note }) => [String(id), note])).toEqual(rows);
});

test('S37 S118 an idle publication does not hold WAL: other traffic is acknowledged, and the cut moves with it', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE unpublished (v text)');
  await using source = startSource(database, ORDERS);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO unpublished SELECT repeat('x', 1000) FROM generate_series(1, 2000)");
  await acknowledged(database);
  const flush = await confirmedFlush(database);
  // A transaction is committed some milliseconds before its marker lets readers see it.
  const position = () => readPosition(view.kafka, `${database.name}.position`, database.name);
  await expect.poll(async () => (await position())?.endLsn).toBeGreaterThanOrEqual(flush);
  expect(await view.events(database.topic)).toEqual([]);
});

test('S49 a second source fences the first, waits until it has let go of the slot, and goes on behind it', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await using first = startSource(database, ORDERS);
  await first.logged(STREAMING);
  await using second = startSource(database, ORDERS);
  await Promise.race([second.logged('active for PID'), second.logged(STREAMING)]);
  await database.sql("INSERT INTO orders VALUES (1, 'contested', 0)");
  expect(await first.exited).toBe(1);
  expect(first.log()).toContain('"code":"kafka.');
  await second.logged(STREAMING);
  await database.sql("INSERT INTO orders VALUES (2, 'after', 0)");
  const events = await view.eventsOnce(database.topic, 2);
  expect(events.map(({ key }) => key?.['id'])).toEqual([1n, 2n]);
});

test('S51 a connection that is cut is made again, and nothing is lost or doubled', async () => {
  await using database = await withOrders();
  await using view = await KafkaView.open();
  await using relay = await openPostgresRelay(database.url);
  await using source = startSource({ ...database, url: relay.url }, ORDERS);
  await source.logged(STREAMING);
  for (let i = 1; i <= 30; i++) {
    if (i % 10 === 0) relay.cut();
    await database.sql(`INSERT INTO orders VALUES (${i}, 'x', 0)`);
  }
  const events = await view.eventsOnce(database.topic, 30);
  expect(events.map(({ key }) => Number(key?.['id']))).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
});

test('S57 a slot that was dropped is not made again in silence', async () => {
  await using database = await withOrders();
  await using first = startSource(database, ORDERS);
  await first.logged(STREAMING);
  expect(await first.end('SIGTERM')).toBe(0);
  await database.sql(`SELECT pg_drop_replication_slot('${database.name}')`);
  await using second = startSource(database, ORDERS);
  expect(await second.exited).toBe(1);
  expect(second.log()).toContain('source.slot_missing');
});

test('S12 S89 tables without a key, renamed columns and special values go through', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(
    'CREATE TABLE log (line text, at timestamptz); CREATE TABLE t (id int PRIMARY KEY, a text)',
  );
  await using source = startSource(database, { tables: 'public.log,public.t' });
  await source.logged(STREAMING);
  await database.sql("INSERT INTO log VALUES ('first', 'infinity'), ('second', '2000-01-01 00:00:00+00')");
  await database.sql(
    "INSERT INTO t VALUES (1, 'x'); ALTER TABLE t RENAME a TO b; INSERT INTO t VALUES (2, 'y')",
  );
  const lines = await view.eventsOnce(`${database.name}.public.log`, 2);
  expect(lines.map(({ key, value }) => [key, value?.['line'], value?.['at']])).toEqual([
    [null, 'first', null],
    [null, 'second', 946_684_800_000_000n],
  ]);
  expect(lines[0]?.record.headers.map(({ key }) => key)).toEqual(['pg.special']);
  const rows = await view.eventsOnce(`${database.name}.public.t`, 2);
  expect(rows.map(({ value }) => value?.['a'] ?? value?.['b'])).toEqual(['x', 'y']);
});
