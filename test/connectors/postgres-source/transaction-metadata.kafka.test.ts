import { expect, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { KafkaView } from './cdc-topic.ts';
import { debeziumEvents } from './debezium-view.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, acknowledged, streamTables } from './streamed-tables.ts';

const TABLES = 'CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE b (id int PRIMARY KEY, v text);';
const COUNTED = { 'transaction-metadata': 'true', envelope: 'debezium' };

interface Block {
  readonly id: string;
  readonly total_order: bigint;
  readonly data_collection_order: bigint;
}

test('S35 S36 a transaction over three topics has a BEGIN, an END with its counts, and an order of its events', async () => {
  const ddl = `${TABLES} CREATE TABLE c (id int PRIMARY KEY, v text); CREATE TABLE hidden (id int PRIMARY KEY)`;
  await using tables = await streamTables(ddl, ['a', 'b', 'c', 'hidden'], {
    ...COUNTED,
    'table-exclude-list': String.raw`public\.hidden`,
  });
  const { sql, name } = tables.database;
  await sql('INSERT INTO hidden VALUES (1)');
  await sql(`INSERT INTO hidden VALUES (2); INSERT INTO a VALUES (1, 'x'), (2, 'y'); INSERT INTO b VALUES (1, 'x');
    UPDATE a SET id = 3 WHERE id = 2; INSERT INTO c VALUES (1, 'z'); DELETE FROM b`);
  await acknowledged(tables.database);
  const metadata = await debeziumEvents(tables.view, `${name}.transaction`);
  const [begin, end] = metadata.map(({ value }) => value);
  expect(metadata).toHaveLength(2);
  expect(begin).toMatchObject({ status: 'BEGIN', event_count: null, data_collections: null });
  expect(end).toEqual({
    status: 'END',
    id: begin?.['id'],
    event_count: 7n,
    data_collections: [
      { data_collection: 'public.a', event_count: 4n },
      { data_collection: 'public.b', event_count: 2n },
      { data_collection: 'public.c', event_count: 1n },
    ],
    ts_ms: begin?.['ts_ms'],
  });
  expect(metadata.map(({ key }) => key)).toEqual([{ id: begin?.['id'] }, { id: begin?.['id'] }]);
  const blocks: [string, Block][] = [];
  for (const table of ['a', 'b', 'c'])
    for (const { value } of await debeziumEvents(tables.view, tables.topicOf(table)))
      if (value !== null) blocks.push([table, value['transaction'] as Block]);
  const inOrder = blocks.toSorted(([, x], [, y]) => Number(x.total_order - y.total_order));
  expect(
    inOrder.map(([table, block]) => `${table} ${block.total_order} ${block.data_collection_order}`),
  ).toEqual(['a 1 1', 'a 2 2', 'b 3 1', 'a 4 3', 'a 5 4', 'c 6 1', 'b 7 2']);
  expect(new Set(blocks.map(([, { id }]) => id))).toEqual(new Set([begin?.['id']]));
});

test('S36 in the row envelope transactions are told too, and messages alone make none', async () => {
  await using tables = await streamTables(TABLES, ['a', 'b'], { 'transaction-metadata': 'true' });
  const { sql, name } = tables.database;
  await sql("SELECT pg_logical_emit_message(true, 'x', 'y')");
  await sql("INSERT INTO a VALUES (1, 'x')");
  await sql("ALTER TABLE b REPLICA IDENTITY FULL; INSERT INTO b VALUES (1, 'x')");
  await acknowledged(tables.database);
  const told = (await debeziumEvents(tables.view, `${name}.transaction`)).map(
    ({ value }) => value?.['status'],
  );
  expect(told).toEqual(['BEGIN', 'END', 'BEGIN', 'END']);
  expect((await tables.settled('a'))[0]?.value).toMatchObject({ v: 'x' });
});

test('S36 S43 the counts of a split transaction go on after a kill in its middle: every number once', async () => {
  const rows = 3000;
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(TABLES);
  await database.sql(`INSERT INTO a SELECT g, 'old' FROM generate_series(1, 50) g`);
  const url = await database.grantSource(['public.a', 'public.b']);
  await using relay = await openPostgresRelay(url);
  const flags = { ...COUNTED, tables: 'public.a,public.b', 'batch-bytes-max': '40000' };
  await using first = startSource({ ...database, url: relay.url }, flags);
  await first.logged(STREAMING);
  let passed = 0;
  relay.filterServer = (chunk) => {
    passed += chunk.length;
    return passed < 300_000 ? chunk : null;
  };
  await database.sql(`UPDATE a SET id = id + 100000;
    INSERT INTO b SELECT g, repeat('x', 100) FROM generate_series(1, ${rows}) g; UPDATE a SET v = 'new'`);
  const [topicA, topicB, metadata] = ['public.a', 'public.b', 'transaction'].map(
    (name) => `${database.name}.${name}`,
  );
  while ((await view.records(topicB!)).length < 500);
  await first.end('SIGKILL');
  const partly = (await view.records(topicB!, 'last-stable')).length;
  expect(partly).toBeLessThan(rows);
  expect((await readPosition(view.kafka, `${database.name}.position`, database.name))?.open).not.toBeNull();
  const statuses = async (until?: 'last-stable') =>
    (await debeziumEvents(view, metadata!, until)).map(({ value }) => value?.['status']);
  expect(await statuses('last-stable')).toEqual(['BEGIN']);
  await using second = startSource({ ...database, url }, flags);
  await second.logged(STREAMING);
  await acknowledged(database);
  expect(await statuses()).toEqual(['BEGIN', 'END']);
  const [, end] = await debeziumEvents(view, metadata!);
  expect(end?.value).toMatchObject({
    event_count: BigInt(rows + 150),
    data_collections: [
      { data_collection: 'public.a', event_count: 150n },
      { data_collection: 'public.b', event_count: BigInt(rows) },
    ],
  });
  const blocks: Block[] = [];
  for (const topic of [topicA!, topicB!])
    for (const { value } of await debeziumEvents(view, topic))
      if (value !== null && value['transaction'] !== null) blocks.push(value['transaction'] as Block);
  const orders = blocks.map((block) => Number(block.total_order)).toSorted((x, y) => x - y);
  expect(orders).toEqual(Array.from({ length: rows + 150 }, (_, i) => i + 1));
});
