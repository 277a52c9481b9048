import { expect, inject, test } from 'vitest';
import { storageChange } from '../../../connectors/postgres-source/watch/storage-change.ts';
import { type TableStorage, readStorage } from '../../../connectors/postgres-source/watch/storage-reading.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';

/** Reads how table `t` lies, as the source's own role. */
async function storageOf(database: SourceDatabase, tables: readonly string[]) {
  const url = await database.grantSource(tables);
  const sql = await WireConnection.open({ url, replication: false, applicationName: 'storage-test' });
  const read = async (): Promise<TableStorage> => {
    const found = (await readStorage(sql, 'millrace')).find(({ table }) => table === 't');
    if (found === undefined) throw new Error('t is not published');
    return found;
  };
  return { read, [Symbol.asyncDispose]: () => sql[Symbol.asyncDispose]() };
}

test('S86 S87 DDL that changes values without events is told from what moves rows alone', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`CREATE TABLE t (id int PRIMARY KEY, v int, w varchar(10) DEFAULT 'a',
    g int GENERATED ALWAYS AS (v * 2) STORED); INSERT INTO t VALUES (1, 1, 'a')`);
  await using storage = await storageOf(database, ['public.t']);
  const after = async (ddl: string): Promise<string> => {
    const before = await storage.read();
    await database.sql(ddl);
    const { reasons, moved } = storageChange(before, await storage.read());
    return moved ? `moved ${reasons.join('; ')}` : reasons.join('; ');
  };
  const values = ' with a value for every row that was there';
  expect(await after('ALTER TABLE t ALTER v SET NOT NULL')).toBe('');
  expect(await after("ALTER TABLE t ALTER w SET DEFAULT 'b', ALTER w SET STATISTICS 50")).toBe('');
  expect(await after('VACUUM FULL t')).toBe('moved ');
  expect(await after('CLUSTER t USING t_pkey')).toBe('moved ');
  expect(await after('TRUNCATE t; INSERT INTO t VALUES (1, 1)')).toBe('moved ');
  expect(await after('ALTER TABLE t ADD COLUMN a int')).toBe('');
  expect(await after('ALTER TABLE t ADD COLUMN b int DEFAULT 7')).toBe(
    'column b was added with a default that the rows that were there have too',
  );
  // It clears the default that the catalog kept for old rows.
  expect(await after('VACUUM FULL t')).toBe('moved ');
  expect(await after('ALTER TABLE t ADD COLUMN c uuid DEFAULT gen_random_uuid()')).toBe(
    `column c was added,${values}`,
  );
  expect(await after('ALTER TABLE t ADD COLUMN d bigserial')).toBe(`column d was added,${values}`);
  expect(await after('ALTER TABLE t ADD COLUMN e int GENERATED ALWAYS AS IDENTITY')).toBe(
    `column e was added,${values}`,
  );
  expect(await after('ALTER TABLE t ADD COLUMN f int GENERATED ALWAYS AS (id + 1) STORED')).toBe(
    `column f was added,${values}`,
  );
  expect(await after('ALTER TABLE t ALTER w TYPE varchar(20)')).toBe('');
  expect(await after('ALTER TABLE t ALTER w DROP DEFAULT, ALTER w TYPE int USING 1')).toContain(
    'column w was changed from character varying(20) to integer',
  );
  expect(await after('ALTER TABLE t ALTER a TYPE int USING a * 100')).toBe(
    'column a was altered while the rows were written anew, so its values may be others',
  );
  // Postgres 17 and later.
  if (inject('sourceMajor') >= 17)
    expect(await after('ALTER TABLE t ALTER g SET EXPRESSION AS (v * 3)')).toBe(
      'generated column g is computed in another way, for every row that was there',
    );
  expect(
    await after('UPDATE t SET v = 9; ANALYZE t; COMMENT ON TABLE t IS $$x$$; CREATE INDEX ON t (v)'),
  ).toBe('');
});

test('S90 a table that is renamed has another topic, which lacks the rows from before', async () => {
  await using database = await createSourceDatabase();
  await database.sql('CREATE TABLE old_name (id int PRIMARY KEY)');
  const url = await database.grantSource(['public.old_name']);
  await using sql = await WireConnection.open({ url, replication: false, applicationName: 'storage-test' });
  const [before] = await readStorage(sql, 'millrace');
  await database.sql('ALTER TABLE old_name RENAME TO t');
  const [now] = await readStorage(sql, 'millrace');
  if (before === undefined || now === undefined) throw new Error('the table is not published');
  expect(storageChange(before, now).reasons).toEqual([
    'it was public.old_name before, and the topic of its new name has no rows from then',
  ]);
});

test('S106 a table that becomes a partition is told, one that is made as a partition is not; so is one that leaves', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`CREATE TABLE t (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10);
    CREATE TABLE filled (id int PRIMARY KEY); INSERT INTO filled VALUES (25);
    CREATE TABLE nest (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE nest1 PARTITION OF nest FOR VALUES FROM (30) TO (40); INSERT INTO nest VALUES (31)`);
  await using storage = await storageOf(database, ['public.t']);
  const first = await storage.read();
  await database.sql(
    'CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (11)',
  );
  const second = await storage.read();
  expect(storageChange(first, second)).toEqual({ reasons: [], moved: false, left: [] });
  await database.sql('ALTER TABLE t ATTACH PARTITION filled FOR VALUES FROM (20) TO (30)');
  await database.sql('ALTER TABLE t ATTACH PARTITION nest FOR VALUES FROM (30) TO (40)');
  const third = await storage.read();
  expect(storageChange(second, third).reasons.toSorted()).toEqual(
    ['public.filled', 'public.nest1'].map(
      (name) => `${name} became a partition of it: rows that it had are in no stream`,
    ),
  );
  await database.sql('ALTER TABLE t DETACH PARTITION t1');
  await database.sql('VACUUM FULL filled');
  expect(storageChange(third, await storage.read())).toEqual({
    reasons: [],
    moved: true,
    left: ['public.t1'],
  });
});
