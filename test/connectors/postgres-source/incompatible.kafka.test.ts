import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import { KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, type StreamedTables, acknowledged, streamTables, told } from './streamed-tables.ts';

const BACKFILL = fileURLToPath(new URL('../../../connectors/postgres-source/backfill.ts', import.meta.url));
const OTHER = 'CREATE TABLE o (id int PRIMARY KEY, v text);';
const NUMBER = `CREATE TABLE t (id int PRIMARY KEY, v bigint); ${OTHER}`;
const policy = (rules: string) => ({ 'on-incompatible-schema': rules });

/** Lets the subject take any schema. Apicurio takes that from its own API alone: NONE by `/config` leaves its global rule. */
async function allow(subject: string): Promise<void> {
  const url = new URL(`/apis/registry/v3/groups/default/artifacts/${subject}/rules`, inject('registryUrl'));
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ruleType: 'COMPATIBILITY', config: 'NONE' }),
  });
  expect(response.status).toBe(204);
}

async function backfill({ database }: StreamedTables, table: string): Promise<void> {
  await promisify(execFile)(process.execPath, [BACKFILL, table, '--database-url', database.url]);
}

const position = ({ database, view }: StreamedTables) =>
  readPosition(view.kafka, `${database.name}.position`, database.name);

/** No copy is open, and no table is paused. */
async function whole(tables: StreamedTables): Promise<void> {
  const open = async () => {
    const stored = await position(tables);
    return [stored?.copies?.open.length, stored?.refusals?.paused.length];
  };
  await expect.poll(open, { timeout: 40_000 }).toEqual([0, 0]);
}

async function folded({ view }: StreamedTables, topic: string): Promise<string[]> {
  const rows = [...(await view.table(topic)).entries()];
  return rows.map(([key, row]) => `${key} ${String(row['v'])}`).toSorted();
}

test('S87 S98 pause-table: the table is left out and remembered, the others flow, and a backfill makes it whole', async () => {
  await using tables = await streamTables(NUMBER, ['t', 'o'], policy('pause-table'));
  const { sql } = tables.database;
  await sql('INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)');
  await sql("ALTER TABLE t ALTER v TYPE text USING 'n' || v");
  await sql("INSERT INTO t VALUES (4, 'n4')");
  await sql("UPDATE t SET v = 'new' WHERE id = 1");
  await sql('DELETE FROM t WHERE id = 2');
  await sql('UPDATE t SET id = 30 WHERE id = 3');
  await sql("INSERT INTO o VALUES (1, 'flows')");
  expect(told(await tables.settled('o'))).toEqual(['c 1 flows']);
  expect(told(await tables.settled('t'))).toEqual(['c 1 1', 'c 2 2', 'c 3 3', 'd 2 -', 'd 3 -']);
  const { body } = await tables.source().get('/metrics');
  expect(body).toContain('millrace_table_paused{schema="public",table="t"} 1');
  expect(body).toContain('millrace_rows_skipped_total{schema="public",table="t"} 4');
  expect(tables.source().log()).toContain('is PAUSED');

  await tables.source().end('SIGKILL');
  await tables.start(policy('pause-table'));
  await sql("INSERT INTO t VALUES (5, 'n5')");
  expect(told(await tables.settled('t'))).toHaveLength(5);
  expect((await position(tables))?.refusals?.paused).toMatchObject([{ table: 'public.t' }]);
  await backfill(tables, 'public.t');
  await tables.source().logged('the copy is given up');

  await allow(`${tables.topicOf('t')}-value`);
  await backfill(tables, 'public.t');
  await tables.source().logged('the table is published again');
  await whole(tables);
  await sql("INSERT INTO t VALUES (6, 'n6')");
  await acknowledged(tables.database);
  expect(await folded(tables, tables.topicOf('t'))).toEqual(['1 new', '30 n3', '4 n4', '5 n5', '6 n6']);
}, 120_000);

test('S98 a paused table whose shape is taken again, by a restart or by another ALTER, is read again by itself', async () => {
  await using tables = await streamTables(NUMBER, ['t', 'o'], policy('pause-table'));
  const { sql } = tables.database;
  const topic = tables.topicOf('t');
  await sql('INSERT INTO t VALUES (1, 1)');
  await sql('ALTER TABLE t ALTER v TYPE text');
  await sql("INSERT INTO t VALUES (2, '2')");
  await acknowledged(tables.database);
  await sql('ALTER TABLE t ALTER v TYPE bigint USING v::bigint');
  await sql('INSERT INTO t VALUES (3, 3)');
  await whole(tables);
  expect(await folded(tables, topic)).toEqual(['1 1', '2 2', '3 3']);

  await sql('ALTER TABLE t ALTER v TYPE text');
  await sql("INSERT INTO t VALUES (4, '4')");
  await acknowledged(tables.database);
  await tables.source().end('SIGKILL');
  await allow(`${topic}-value`);
  await tables.start(policy('pause-table'));
  await whole(tables);
  expect(await folded(tables, topic)).toEqual(['1 1', '2 2', '3 3', '4 4']);
});

test('S87 S98 new-topic: the next version of the topic is the whole table, and stays the topic over a kill', async () => {
  await using tables = await streamTables(NUMBER, ['t', 'o'], policy('public\\.t=new-topic'));
  const { sql } = tables.database;
  const topic = tables.topicOf('t');
  await sql('INSERT INTO t VALUES (1, 1), (2, 2)');
  await sql(
    "BEGIN; INSERT INTO t VALUES (3, 3); ALTER TABLE t ALTER v TYPE text USING 'n' || v; INSERT INTO t VALUES (4, 'n4'); COMMIT",
  );
  await sql("INSERT INTO o VALUES (1, 'flows')");
  expect(told(await tables.settled('o'))).toEqual(['c 1 flows']);
  await whole(tables);
  expect(told(await tables.view.events(topic))).toEqual(['c 1 1', 'c 2 2', 'c 3 3']);
  expect(await folded(tables, `${topic}.v2`)).toEqual(['1 n1', '2 n2', '3 n3', '4 n4']);

  await tables.source().end('SIGKILL');
  await tables.start(policy('public\\.t=new-topic'));
  await sql("UPDATE t SET v = 'new' WHERE id = 1; DELETE FROM t WHERE id = 2");
  await sql('ALTER TABLE t ALTER v TYPE date USING NULL; INSERT INTO t VALUES (5, NULL)');
  await acknowledged(tables.database);
  await whole(tables);
  expect(await folded(tables, `${topic}.v2`)).toEqual(['1 new', '3 n3', '4 n4']);
  expect([...(await tables.view.table(`${topic}.v3`)).keys()].toSorted()).toEqual(['1', '3', '4', '5']);
  expect(told(await tables.view.events(topic))).toHaveLength(3);
});

test('S98 dead-letter: rows of the shape are set aside with the reason, ends of rows are told', async () => {
  await using tables = await streamTables(NUMBER, ['t', 'o'], policy('dead-letter'));
  const { sql } = tables.database;
  await sql('INSERT INTO t VALUES (1, 1), (2, 2)');
  await sql('ALTER TABLE t ALTER v TYPE text');
  await sql("INSERT INTO t VALUES (3, 'n3'); DELETE FROM t WHERE id = 2");
  await sql("INSERT INTO o VALUES (1, 'flows')");
  expect(told(await tables.settled('o'))).toEqual(['c 1 flows']);
  expect(told(await tables.settled('t'))).toEqual(['c 1 1', 'c 2 2', 'd 2 -']);
  const letters = await tables.view.records(`${tables.database.name}.dlq`);
  expect(letters.map(({ value }) => JSON.parse(String(value)) as unknown)).toMatchObject([
    { op: 'c', columns: { id: '3', v: 'n3' } },
  ]);
  const headers = new Map(letters[0]?.headers.map(({ key, value }) => [key, String(value)]));
  expect(headers.get('__connect.errors.exception.class.name')).toBe('registry.incompatible');
});

test('S16 S17 a key that is defined anew, or goes, takes the table to a new topic', async () => {
  await using tables = await streamTables(
    'CREATE TABLE t (id int PRIMARY KEY, v text NOT NULL)',
    ['t'],
    policy('new-topic'),
  );
  const { sql } = tables.database;
  const topic = tables.topicOf('t');
  await sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')");
  await sql('ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, v)');
  await sql("INSERT INTO t VALUES (2, 'c')");
  await acknowledged(tables.database);
  await whole(tables);
  expect(await folded(tables, `${topic}.v2`)).toEqual(['1/a a', '2/b b', '2/c c']);
  await sql('ALTER TABLE t DROP CONSTRAINT t_pkey');
  await sql("INSERT INTO t VALUES (1, 'a')");
  await acknowledged(tables.database);
  await whole(tables);
  await sql("INSERT INTO t VALUES (2, 'd')");
  const rows = (await tables.settled('t.v3')).map(
    ({ value }) => `${String(value?.['id'])} ${String(value?.['v'])}`,
  );
  expect(rows.toSorted()).toEqual(['1 a', '1 a', '2 b', '2 c', '2 d']);
});

test('S17 a table that gets its first key moves to a compacted topic, whole', async () => {
  await using tables = await streamTables('CREATE TABLE t (v text)', ['t'], policy('new-topic'));
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES ('a')");
  await sql("ALTER TABLE t ADD COLUMN id serial PRIMARY KEY; INSERT INTO t VALUES ('b')");
  await acknowledged(tables.database);
  await whole(tables);
  expect(told(await tables.view.events(tables.topicOf('t')))).toEqual(['c - a']);
  expect(await folded(tables, `${tables.topicOf('t')}.v2`)).toEqual(['1 a', '2 b']);
});

test('S16 a key that goes stops the source before the row, where nothing else is asked for', async () => {
  await using tables = await streamTables('CREATE TABLE t (id int PRIMARY KEY, v text)', ['t']);
  await tables.database.sql("INSERT INTO t VALUES (1, 'a'); ALTER TABLE t DROP CONSTRAINT t_pkey");
  await tables.database.sql("INSERT INTO t VALUES (2, 'b')");
  expect(await tables.source().exited).toBe(1);
  expect(tables.source().log()).toContain('source.key_lost');
});

test.each([
  ['before the shape changes', 1500, 't', 300],
  ['behind that', 4000, 't.v2', 300],
])(
  'S43 S98 a transaction moves its table to a new topic and is cut %s: each row once, in its topic',
  async (_, lastId, cutTopic, published) => {
    await using database = await createSourceDatabase();
    await using view = await KafkaView.open();
    await database.sql('CREATE TABLE t (id int PRIMARY KEY, v bigint, note text)');
    const flags = {
      tables: 'public.t',
      'batch-bytes-max': '40000',
      ...policy('new-topic'),
      'schema-change-topic': 'true',
    };
    await using relay = await openPostgresRelay(database.url);
    await using first = startSource({ ...database, url: relay.url }, flags);
    await first.logged(STREAMING);
    let cut = false;
    const READY = Buffer.from([0x5a, 0, 0, 0, 5]);
    relay.filterServer = (chunk) => {
      cut ||= chunk.includes(`at ${lastId} `);
      // Other sessions are answered on.
      return !cut || chunk.subarray(-6, -1).equals(READY) ? chunk : null;
    };
    const rows = "g, g, 'at ' || g || repeat(' ', 100) FROM generate_series";
    await database.sql(`BEGIN; INSERT INTO t SELECT ${rows}(1, 2000) g; ALTER TABLE t ALTER v TYPE text;
    INSERT INTO t SELECT ${rows}(2001, 5000) g; COMMIT`);
    const topic = `${database.name}.public.t`;
    const reached = `${database.name}.public.${cutTopic}`;
    await view.kafka.waitForTopics([reached], new AbortController().signal);
    await view.eventsOnce(reached, published);
    await first.end('SIGKILL');
    await using second = startSource(database, flags);
    await second.logged(STREAMING);
    await acknowledged(database);
    const seqs = async (name: string): Promise<number[]> => {
      const created = (await view.events(name)).filter(({ op }) => op === 'c');
      return created.map(({ value }) => Number(value?.['__seq']));
    };
    const from = (begin: number, count: number) => Array.from({ length: count }, (_unused, i) => begin + i);
    expect(await seqs(topic)).toEqual(from(1, 2000));
    expect(await seqs(`${topic}.v2`)).toEqual(from(2001, 3000));
    const told = (await view.records(`${database.name}.schema-changes`)).map(({ value }) => String(value));
    expect(told.map((text) => (JSON.parse(text) as { kinds: unknown }).kinds)).toEqual([
      ['table_created'],
      ['columns_retyped', 'topic_changed'],
    ]);
    await expect.poll(async () => (await view.table(`${topic}.v2`)).size, { timeout: 30_000 }).toBe(5000);
  },
);
