import { expect, inject, onTestFinished, test } from 'vitest';
import type { AvroField, AvroRecord } from '../../../schemas/avro-schema.ts';
import { ensureTable } from '../../../connectors/postgres-sink/target-schema.ts';
import { withPresentTypes } from '../../../connectors/postgres-sink/present-types.ts';
import { describeTable } from '../../../connectors/postgres-sink/target-table.ts';
import { type TargetDatabase, createTargetDatabase } from './target-database.ts';

const NAME = { schema: 'Sales "x"', table: 'Order lines' };
const record = (...fields: AvroField[]): AvroRecord => ({ type: 'record', name: 'R', fields });
const KEY = record({ name: 'id', type: 'long' }, { name: 'no', type: 'int' });
const table = (...fields: AvroField[]) => describeTable(NAME, KEY, record(...fields), null);

async function database(): Promise<TargetDatabase> {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  return target;
}

async function columns(target: TargetDatabase): Promise<unknown[][]> {
  return target.rows(
    `SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
     WHERE attrelid = '"Sales ""x"""."Order lines"'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );
}

test('a missing table is created with its schema, key and nullable columns, and asking again changes nothing', async () => {
  const target = await database();
  await using session = await target.openSession();
  const wanted = table(
    { name: 'note', type: 'string' },
    { name: 'price', type: { type: 'bytes', logicalType: 'decimal', precision: 12, scale: 2 } },
  );
  await ensureTable(session.client, wanted);
  const found = await columns(target);
  expect(found).toEqual([
    ['id', 'bigint', 't'],
    ['no', 'integer', 't'],
    ['note', 'text', 'f'],
    ['price', 'numeric(12,2)', 'f'],
  ]);
  await ensureTable(session.client, wanted);
  expect(await columns(target)).toEqual(found);
});

test('columns are added and widened, never dropped, and rows stay', async () => {
  const target = await database();
  await using session = await target.openSession();
  await ensureTable(session.client, table({ name: 'n', type: 'int' }, { name: 'old', type: 'string' }));
  await target.client.query(`INSERT INTO "Sales ""x"""."Order lines" VALUES (1, 1, 7, 'kept')`);
  await ensureTable(session.client, table({ name: 'n', type: 'long' }, { name: 'new', type: 'boolean' }));
  expect((await columns(target)).map(([name, type]) => [name, type])).toEqual([
    ['id', 'bigint'],
    ['no', 'integer'],
    ['n', 'bigint'],
    ['old', 'text'],
    ['new', 'boolean'],
  ]);
  expect(await target.rows('SELECT n, old, new FROM "Sales ""x"""."Order lines"')).toEqual([
    ['7', 'kept', null],
  ]);
});

test('a column that is wider than asked for is left alone', async () => {
  const target = await database();
  await using session = await target.openSession();
  await ensureTable(session.client, table({ name: 'n', type: 'long' }));
  await ensureTable(session.client, table({ name: 'n', type: 'int' }));
  expect((await columns(target))[2]).toEqual(['n', 'bigint', 'f']);
});

test('sinks that see a new field at once add one column', async () => {
  const target = await database();
  const sessions = await Promise.all([1, 2, 3, 4].map(() => target.openSession()));
  try {
    await Promise.all(sessions.map(({ client }) => ensureTable(client, table({ name: 'a', type: 'int' }))));
    await Promise.all(
      sessions.map(({ client }) =>
        ensureTable(client, table({ name: 'a', type: 'int' }, { name: 'b', type: 'int' })),
      ),
    );
  } finally {
    await Promise.all(sessions.map((session) => session[Symbol.asyncDispose]()));
  }
  expect((await columns(target)).map(([name]) => name)).toEqual(['id', 'no', 'a', 'b']);
});

test('a column of another type is refused with the statement that would mend it', async () => {
  const target = await database();
  await using session = await target.openSession();
  await ensureTable(session.client, table({ name: 'n', type: 'string' }));
  await expect(ensureTable(session.client, table({ name: 'n', type: 'int' }))).rejects.toMatchObject({
    code: 'sink.incompatible_table',
    message: expect.stringContaining('column n of Sales "x".Order lines is text'),
    fix: expect.stringContaining('ALTER COLUMN "n" TYPE integer'),
  });
});

test('a type that the target lacks is taken by its natural one; a column that is that already stays so', async () => {
  const target = await database();
  await using session = await target.openSession();
  const follow = async (...fields: AvroField[]): Promise<void> =>
    ensureTable(session.client, await withPresentTypes(session.client, table(...fields)));
  const mood = (name: string): AvroField => ({ name, type: 'string', 'pg.type': 'public.mood' });
  await target.client.query(
    'CREATE SCHEMA "Sales ""x"""; ' +
      'CREATE TABLE "Sales ""x"""."Order lines" (id int8, no int4, old jsonb, PRIMARY KEY (id, no))',
  );
  const items = { type: 'array', items: 'int' } as const;
  await follow(mood('early'), { name: 'old', type: items, 'pg.type': 'integer[]' });
  await target.client.query(`CREATE TYPE mood AS ENUM ('sad')`);
  await follow(mood('early'), mood('late'));
  expect((await columns(target)).slice(2).map(([name, type]) => [name, type])).toEqual([
    ['old', 'jsonb'],
    ['early', 'text'],
    ['late', 'mood'],
  ]);
});

test('a change that Postgres refuses is named, and the session is as before', async () => {
  const target = await database();
  await using session = await target.openSession();
  await ensureTable(session.client, table({ name: 'n', type: 'int' }));
  await target.client.query('CREATE VIEW v AS SELECT n FROM "Sales ""x"""."Order lines"');
  await expect(ensureTable(session.client, table({ name: 'n', type: 'long' }))).rejects.toMatchObject({
    code: 'sink.ddl_refused',
    message: expect.stringContaining('ALTER COLUMN "n" TYPE bigint'),
  });
  await ensureTable(session.client, table({ name: 'n', type: 'int' }));
});

test('a column that nothing fills any more takes null', async () => {
  const target = await database();
  await using session = await target.openSession();
  await ensureTable(session.client, table({ name: 'n', type: 'int' }));
  await target.client.query(
    'ALTER TABLE "Sales ""x"""."Order lines" ADD gone int NOT NULL, ALTER n SET NOT NULL',
  );
  await ensureTable(session.client, table({ name: 'n', type: 'int' }));
  expect((await columns(target)).slice(2)).toEqual([
    ['n', 'integer', 't'],
    ['gone', 'integer', 'f'],
  ]);
});

test('a table without a unique index over the key is refused; a unique index serves in any order of columns', async () => {
  const target = await database();
  await target.client.query(
    'CREATE SCHEMA "Sales ""x"""; CREATE TABLE "Sales ""x"""."Order lines" (id bigint, no integer)',
  );
  {
    await using session = await target.openSession();
    await expect(ensureTable(session.client, table())).rejects.toMatchObject({ code: 'sink.no_unique_key' });
  }
  await target.client.query('CREATE UNIQUE INDEX ON "Sales ""x"""."Order lines" (no, id)');
  await using session = await target.openSession();
  await ensureTable(session.client, table());
});

test('a view in place of the table is refused', async () => {
  const target = await database();
  await target.client.query(
    'CREATE SCHEMA "Sales ""x"""; CREATE VIEW "Sales ""x"""."Order lines" AS SELECT 1 AS id',
  );
  await using session = await target.openSession();
  await expect(ensureTable(session.client, table())).rejects.toThrow(/exists and is no table/);
});
