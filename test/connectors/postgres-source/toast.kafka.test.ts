import { rm } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readPosition } from '../../../connectors/postgres-source/place/position.ts';
import type { Event } from './cdc-topic.ts';
import { BIG, T, expectComplete, readBack, unchangedOf } from './large-values.ts';
import { stateDirOf } from './source-process.ts';
import { acknowledged, streamTables } from './streamed-tables.ts';

test('S21 S25 S27 an update that leaves a large value alone is published with it, and registers nothing', async () => {
  await using tables = await streamTables(T.replace('big text', 'big text NOT NULL'), ['t']);
  const { sql } = tables.database;
  await sql(`INSERT INTO t VALUES (1, 1, 'x', ${BIG})`);
  await acknowledged(tables.database);
  await sql('UPDATE t SET n = 2');
  await sql('BEGIN; UPDATE t SET n = 3; UPDATE t SET n = 4; COMMIT');
  const events = await tables.settled('t');
  const [[big] = []] = await sql('SELECT big FROM t');
  expect(events.map(({ op, value }) => [op, value?.['n'], value?.['big'] === big])).toEqual([
    ['c', 1, true],
    ['u', 2, true],
    ['u', 3, true],
    ['u', 4, true],
  ]);
  expect(events.map(unchangedOf)).toEqual([[], [], [], []]);
  expect(tables.source().log().split('table shape registered')).toHaveLength(2);
});

test('S22 large values of every sort come again byte for byte, special ones with their header', async () => {
  const columns = {
    j: `jsonb_build_object('a', ${BIG}, 'n', 1.10)`,
    ta: `string_to_array(repeat(${BIG}, 1), 'a')`,
    ia: `(SELECT array_agg((random() * 2e9)::int) FROM generate_series(1, 3000))`,
    bin: `decode(${BIG}, 'hex')`,
    ua: `(SELECT array_agg(gen_random_uuid()) FROM generate_series(1, 300))`,
    da: `(SELECT array_agg(date '2000-01-01' + (random() * 9999)::int) FROM generate_series(1, 3000))`,
    twisted: `(SELECT array_agg(ARRAY[(random() * 2e9)::int, g]) FROM generate_series(1, 1500) g)`,
    x: `xmlparse(content '<a>' || ${BIG} || '</a>')`,
    num: `(repeat('123456789', 900) || '.5')::numeric`,
    h: `hstore('k', ${BIG})`,
  };
  const types = [
    'jsonb',
    'text[]',
    'int[]',
    'bytea',
    'uuid[]',
    'date[]',
    'int[]',
    'xml',
    'numeric',
    'hstore',
  ];
  const names = Object.keys(columns);
  const ddl = names.map((name, i) => `${name} ${types[i]}`).join(', ');
  await using tables = await streamTables(
    `CREATE EXTENSION hstore; CREATE TABLE w (id int PRIMARY KEY, n int, ${ddl});`,
    ['w'],
  );
  const { sql } = tables.database;
  await sql(`INSERT INTO w SELECT 1, 1, ${Object.values(columns).join(', ')}`);
  await acknowledged(tables.database);
  await sql('UPDATE w SET n = 2');
  const [created, updated] = await tables.settled('w');
  expect(updated?.value).toMatchObject({ n: 2, __op: 'u', __unchanged: [] });
  for (const name of names) expect(updated?.value?.[name]).toEqual(created?.value?.[name]);
  const special = (event: Event | undefined) =>
    event?.record.headers.map(({ key, value }) => [key, String(value)]);
  expect(special(created)?.[0]?.[0]).toBe('pg.special');
  expect(special(updated)).toEqual(special(created));
});

test('S24 a row that moves to another key takes its large values along', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql(`INSERT INTO t VALUES (1, 1, 'x', ${BIG}), (5, 1, 'x', ${BIG})`);
  await acknowledged(tables.database);
  await sql('UPDATE t SET id = 2 WHERE id = 1');
  await sql('BEGIN; UPDATE t SET n = 2 WHERE id = 2; UPDATE t SET id = 3 WHERE id = 2; COMMIT');
  await acknowledged(tables.database);
  await sql('UPDATE t SET n = 3 WHERE id = 3');
  await sql("INSERT INTO t VALUES (1, 9, 'new', NULL)");
  await sql('UPDATE t SET n = 10 WHERE id = 1');
  await sql('DELETE FROM t WHERE id = 5');
  await expectComplete(tables);
});

test('S28 a large value that is set to null or to a small one does not come back', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql(`INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 2) g`);
  await acknowledged(tables.database);
  await sql("UPDATE t SET big = NULL WHERE id = 1; UPDATE t SET big = 'small' WHERE id = 2");
  await acknowledged(tables.database);
  await sql('UPDATE t SET n = 2');
  await sql(`UPDATE t SET big = ${BIG}`);
  await sql('UPDATE t SET n = 3');
  const events = await tables.settled('t');
  expect(events.flatMap(unchangedOf)).toEqual([]);
  expect(
    events
      .filter(({ value }) => value?.['n'] === 2 && value['__op'] === 'u')
      .map(({ value }) => value?.['big']),
  ).toEqual(expect.arrayContaining([null, 'small']));
  await expectComplete(tables);
});

test.each(['exported', 'chunked'])(
  'S26 rows of a snapshot (%s) are completed later, after a restart with and without the store too',
  async (mode) => {
    await using tables = await streamTables(
      `${T} INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 20) g`,
      ['t'],
      { 'snapshot-mode': mode, 'chunk-rows-max': '3' },
    );
    const { database } = tables;
    const flags = { 'snapshot-mode': mode };
    const position = () => readPosition(tables.view.kafka, `${database.name}.position`, database.name);
    await expect.poll(async () => (await position())?.copies?.copied, { timeout: 30_000 }).toHaveLength(1);
    await database.sql('UPDATE t SET n = 2 WHERE id <= 10');
    await expectComplete(tables);

    await tables.source().end('SIGKILL');
    await database.sql('UPDATE t SET n = 3 WHERE id BETWEEN 5 AND 15');
    const again = await tables.start(flags);
    await expectComplete(tables);
    // The store has the rest.
    expect(readBack(again) ?? 0).toBeLessThan(10);

    await again.end('SIGKILL');
    await rm(stateDirOf(database), { recursive: true });
    await database.sql('UPDATE t SET n = 4');
    const anew = await tables.start(flags);
    await expectComplete(tables);
    expect(readBack(anew)).toBeGreaterThanOrEqual(30);
  },
);

test('a clean stop leaves a store that needs nothing read back', async () => {
  await using tables = await streamTables(T, ['t']);
  const { sql } = tables.database;
  await sql(`INSERT INTO t VALUES (1, 1, 'x', ${BIG})`);
  await sql("INSERT INTO t SELECT g, 1, 'x' FROM generate_series(2, 500) g");
  await acknowledged(tables.database);
  await tables.source().end('SIGTERM');
  const again = await tables.start();
  await sql('UPDATE t SET n = 2');
  await expectComplete(tables);
  expect(readBack(again) ?? 0).toBeLessThan(10);
});

test('a transaction that is published in parts sees its own large values', async () => {
  await using tables = await streamTables(T, ['t'], { 'batch-bytes-max': '20000' });
  const { sql } = tables.database;
  await sql(`BEGIN;
    INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 5) g;
    UPDATE t SET n = 2; UPDATE t SET n = 3; UPDATE t SET big = ${BIG} WHERE id = 1;
    UPDATE t SET n = 4; DELETE FROM t WHERE id = 2; UPDATE t SET id = 2, n = 5 WHERE id = 3; UPDATE t SET n = n + 1;
    COMMIT`);
  await expectComplete(tables);
  expect((await tables.settled('t')).flatMap((event) => unchangedOf(event) ?? [])).toEqual([]);
});

test('names that change hands keep every value with its column, with the store or without', async () => {
  const ddl = 'CREATE TABLE t (id int PRIMARY KEY, n int, a text, b text, c text);';
  await using tables = await streamTables(`${ddl} INSERT INTO t SELECT 1, 1, ${BIG}, ${BIG}, ${BIG}`, ['t']);
  const { sql } = tables.database;
  const columns = ['id', 'n', 'a', 'b', 'c'];
  await sql('UPDATE t SET n = 2');
  await expectComplete(tables, columns);
  await sql('ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b');
  await sql('UPDATE t SET n = 3');
  await expectComplete(tables, columns);
  await sql('ALTER TABLE t DROP b; ALTER TABLE t RENAME c TO b; ALTER TABLE t ADD c text');
  await sql('UPDATE t SET n = 4');
  await expectComplete(tables, columns);
  await tables.source().end('SIGKILL');
  await rm(stateDirOf(tables.database), { recursive: true });
  await tables.start();
  await sql('UPDATE t SET n = 5');
  await expectComplete(tables, columns);
});

test('a column whose type changes lacks its old values, says so once, and a backfill completes the topic', async () => {
  await using tables = await streamTables(
    `${T} INSERT INTO t SELECT g, 1, 'x', ${BIG} FROM generate_series(1, 3) g`,
    ['t'],
  );
  const { sql } = tables.database;
  await acknowledged(tables.database);
  await sql("ALTER TABLE t ALTER big TYPE bytea USING decode(big, 'hex')");
  await sql('UPDATE t SET n = 2');
  const events = await tables.settled('t');
  expect(events.slice(-3).map(unchangedOf)).toEqual([['big'], ['big'], ['big']]);
  expect(tables.source().log().split('an unchanged large value is not known')).toHaveLength(2);
  const metrics = await tables.source().get('/metrics');
  expect(metrics.body).toContain('millrace_unchanged_missing_total{schema="public",table="t"} 3');
  const [[oid] = []] = await sql("SELECT 't'::regclass::oid");
  await sql(
    `SELECT pg_logical_emit_message(true, 'millrace.backfill', '{"oid":${oid},"where":null,"signature":null}')`,
  );
  await expect
    .poll(async () =>
      [...(await tables.view.table(tables.topicOf('t'))).values()].flatMap((row) => row['__unchanged']),
    )
    .toEqual([]);
  await sql('UPDATE t SET n = 3');
  const updated = (await tables.settled('t')).slice(-3);
  expect(updated.map(({ op, value }) => [op, (value?.['big'] as Buffer | undefined)?.length])).toEqual(
    Array.from({ length: 3 }, () => ['u', 4800]),
  );
});

test('masked values are completed as they were published', async () => {
  await using tables = await streamTables(
    'CREATE TABLE t (id int PRIMARY KEY, n int, cut text, hashed text, gone text, other text);',
    ['t'],
    {
      'column-policies': 'public.t.cut=truncate:4,public.t.hashed=hash,public.t.gone=exclude',
      'hash-key': '0123456789abcdef0123456789abcdef',
    },
  );
  const { sql } = tables.database;
  await sql(`INSERT INTO t SELECT 1, 1, ${BIG}, ${BIG}, ${BIG}, ${BIG}`);
  await acknowledged(tables.database);
  await sql('UPDATE t SET n = 2');
  const [created, updated] = await tables.settled('t');
  const { n: _, ...same } = created?.value ?? {};
  expect((same['cut'] as string).length).toBe(4);
  expect(updated?.value).toMatchObject({
    cut: same['cut'],
    hashed: same['hashed'],
    other: same['other'],
    n: 2,
  });
  expect(unchangedOf(updated as Event)).toEqual([]);
});

test('small values that a low toast_tuple_target moves out of line are completed', async () => {
  await using tables = await streamTables(
    `CREATE TABLE t (id int PRIMARY KEY, n int, small text, big text) WITH (toast_tuple_target = 128);`,
    ['t'],
  );
  const { sql } = tables.database;
  await sql('ALTER TABLE t ALTER small SET STORAGE EXTERNAL, ALTER big SET STORAGE EXTERNAL');
  await sql(`INSERT INTO t SELECT 1, 1, repeat('s', 100), ${BIG}`);
  await acknowledged(tables.database);
  await sql("UPDATE t SET big = repeat('b', 120)");
  await sql('UPDATE t SET n = 2');
  await expectComplete(tables);
  // It was not sent, which is what makes this a test.
  const [[toast] = []] = await sql("SELECT reltoastrelid::regclass FROM pg_class WHERE oid = 't'::regclass");
  expect(await sql(`SELECT count(*) FROM ${toast} WHERE length(chunk_data) = 100`)).toEqual([['1']]);
});
