import { expect, test } from 'vitest';
import type { KafkaView } from './cdc-topic.ts';
import { acknowledged, streamTables } from './streamed-tables.ts';

const TOLD = { 'schema-change-topic': 'true' };
const T = 'CREATE TABLE t (id int PRIMARY KEY, v text);';

async function changes(view: KafkaView, prefix: string): Promise<Record<string, unknown>[]> {
  const records = await view.records(`${prefix}.schema-changes`);
  return records.map(({ key, value }) => ({
    of: String(key),
    ...(JSON.parse(String(value)) as Record<string, unknown>),
  }));
}

test('S84 each new shape is told once, with its first row, over kills and redundant announcements', async () => {
  await using tables = await streamTables(`${T} INSERT INTO t VALUES (0, 'old');`, ['t'], TOLD);
  const { sql, name } = tables.database;
  await sql(`BEGIN; INSERT INTO t VALUES (1, 'a');
    ALTER TABLE t ADD COLUMN w int NOT NULL DEFAULT 7; INSERT INTO t VALUES (2, 'b', 8);
    ALTER TABLE t DROP COLUMN v; INSERT INTO t VALUES (3, 9);
    ALTER TABLE t RENAME w TO x; INSERT INTO t VALUES (4, 10); COMMIT`);
  await acknowledged(tables.database);
  await tables.source().end('SIGKILL');
  await tables.start(TOLD);
  await sql('CREATE INDEX ON t (x); INSERT INTO t VALUES (5, 11)');
  await sql('ALTER TABLE t ALTER x TYPE bigint; INSERT INTO t VALUES (6, 12)');
  const events = await tables.settled('t');
  const told = await changes(tables.view, name);
  expect(told.map(({ of, kinds }) => [of, kinds])).toEqual([
    ['public.t', ['table_created']],
    ['public.t', ['columns_added']],
    ['public.t', ['columns_dropped']],
    ['public.t', ['columns_renamed']],
    ['public.t', ['columns_retyped']],
  ]);
  expect(told[1]).toMatchObject({ added: ['w'], topic: tables.topicOf('t'), rows: 'published', key: ['id'] });
  expect(told[3]).toMatchObject({
    renamed: [{ from: 'w', to: 'x' }],
    columns: [
      { name: 'id', type: 'integer', nullable: false, key: true },
      { name: 'x', type: 'integer', nullable: false, key: false },
    ],
  });
  expect(told[4]).toMatchObject({ retyped: [{ column: 'x', from: 'integer', to: 'bigint' }] });
  const placeOf = (id: number) => {
    const value = events.find(({ key }) => key?.['id'] === id)?.value;
    return { lsn: String(value?.['__lsn'] as bigint), seq: Number(value?.['__seq']) };
  };
  expect(told.slice(1).map(({ lsn, seq }) => ({ lsn, seq }))).toEqual([2, 3, 4, 6].map(placeOf));
});

test('S90 S92 a table that is renamed goes on under its new name, and one made again is told as such', async () => {
  await using tables = await streamTables(
    `${T} CREATE TABLE o (id int PRIMARY KEY, v text);`,
    ['t', 'o'],
    TOLD,
  );
  const { sql, name } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a'); INSERT INTO o VALUES (1, 'old')");
  await sql('ALTER TABLE t RENAME TO renamed');
  await sql("INSERT INTO renamed VALUES (2, 'b'); UPDATE renamed SET v = 'c' WHERE id = 1");
  await sql('DROP TABLE o; CREATE TABLE o (id int PRIMARY KEY, v text, w bigint)');
  await sql(`GRANT SELECT ON o TO "${name}"; ALTER PUBLICATION millrace ADD TABLE o`);
  await sql("INSERT INTO o VALUES (1, 'new', 5)");
  expect((await tables.settled('t')).map(({ op, key }) => `${op} ${String(key?.['id'])}`)).toEqual(['c 1']);
  const renamed = await tables.settled('renamed');
  expect(renamed.map(({ op, key }) => `${op} ${String(key?.['id'])}`)).toEqual(['c 2', 'u 1']);
  const told = await changes(tables.view, name);
  expect(told.filter(({ of }) => of === 'public.renamed')).toMatchObject([{ kinds: ['table_created'] }]);
  expect(told.filter(({ of }) => of === 'public.o').map(({ kinds }) => kinds)).toEqual([
    ['table_created'],
    ['table_recreated', 'columns_added'],
  ]);
});

test('comments are the docs of the schemas, and a comment alone registers nothing while the stream runs', async () => {
  await using tables = await streamTables(
    `${T} COMMENT ON TABLE t IS 'what it is'; COMMENT ON COLUMN t.v IS 'a word';`,
    ['t'],
  );
  const { sql } = tables.database;
  const docs = async () => {
    const [event] = (await tables.settled('t')).slice(-1);
    const schema = event === undefined ? null : await tables.view.schemaOf(event);
    return [schema?.doc, schema?.fields.find(({ name }) => name === 'v')?.doc];
  };
  await sql("INSERT INTO t VALUES (1, 'a')");
  expect(await docs()).toEqual(['what it is', 'a word']);
  await sql("COMMENT ON COLUMN t.v IS 'two words'; INSERT INTO t VALUES (2, 'b')");
  expect(await docs()).toEqual(['what it is', 'a word']);
  await sql("ALTER TABLE t ADD COLUMN w int; INSERT INTO t VALUES (3, 'c', 1)");
  expect(await docs()).toEqual(['what it is', 'two words']);
});
