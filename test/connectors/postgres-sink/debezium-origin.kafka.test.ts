import { expect, inject, test } from 'vitest';
import { type SourceDatabase, createSourceDatabase } from '../postgres-source/source-database.ts';
import { startSource } from '../postgres-source/source-process.ts';
import {
  MATRIX_ROWS,
  MATRIX_SETUP,
  MATRIX_TABLE,
  matrixInsert,
  printingSettings,
} from '../postgres-source/type-matrix.ts';
import { startSinkProcess } from './sink-process.ts';

const POLL = { interval: 50, timeout: 40_000 };

/** Large values (9 kB, out of line), keys of two columns, and all columns in what Postgres says of a row before. */
const TABLES = `
  CREATE TABLE big (a int, b text, body text, doc bytea, tags text[], n int, PRIMARY KEY (a, b));
  ALTER TABLE big ALTER body SET STORAGE EXTERNAL, ALTER doc SET STORAGE EXTERNAL, ALTER tags SET STORAGE EXTERNAL;
  CREATE TABLE whole (id int PRIMARY KEY, body text, v numeric(10,2)); ALTER TABLE whole REPLICA IDENTITY FULL;
  ALTER TABLE whole ALTER body SET STORAGE EXTERNAL;
  CREATE TABLE gone (id int PRIMARY KEY, v text)`;
const BIG = `repeat('x', 9000), decode(repeat('ab', 9000), 'hex'), ARRAY[repeat('y', 9000), NULL]`;
/** Rows of before the source. */
const COPIED = `
  INSERT INTO big SELECT i, 'k', ${BIG}, 0 FROM generate_series(1, 3) i;
  INSERT INTO whole VALUES (1, repeat('x', 9000), 1.5), (2, 'b', 'NaN'), (3, NULL, NULL);
  INSERT INTO gone VALUES (1, 'a'), (2, 'b')`;
const CHANGES = [
  `INSERT INTO big VALUES (4, 'k', ${BIG}, 0); INSERT INTO gone VALUES (3, 'c'); INSERT INTO whole VALUES (4, 'd', 4)`,
  // nothing large is sent again
  'UPDATE big SET n = 1; UPDATE whole SET v = v + 1',
  "UPDATE big SET body = 'short' WHERE a = 2; UPDATE big SET doc = NULL, tags = NULL WHERE a = 3",
  'DELETE FROM whole WHERE id = 3; UPDATE whole SET id = 3 WHERE id = 4',
  "TRUNCATE gone; INSERT INTO gone VALUES (2, 'again')",
  "BEGIN; INSERT INTO gone VALUES (5, 'x'); TRUNCATE gone; INSERT INTO gone VALUES (6, 'y'); DELETE FROM gone; INSERT INTO gone VALUES (6, 'z'); COMMIT",
];
/** One of them to where another row was. */
const KEY_CHANGES = [
  "UPDATE big SET b = 'moved' WHERE a = 1; DELETE FROM big WHERE a = 4; UPDATE big SET a = 4 WHERE a = 2",
];

/** Rows of a table that are not, to the letter of each column, in its mirror, and the other way round; large ones cut. */
async function differences(
  database: SourceDatabase,
  { name, columns = 't::text' }: Mirror,
): Promise<string[][]> {
  const [one, other] = ['public', 'mirror'].map(
    (schema) => `SELECT ${columns} AS row FROM ${schema}.${name} t`,
  );
  return database.sql(
    `SELECT left(row, 200) FROM ((${one} EXCEPT ALL ${other}) UNION ALL (${other} EXCEPT ALL ${one})) d`,
  );
}

interface Mirror {
  readonly name: string;
  /** What is compared, as one text. Default: the whole row. */
  readonly columns?: string;
}
const MIRRORS: readonly Mirror[] = [{ name: 'matrix' }, { name: 'big' }, { name: 'whole' }, { name: 'gone' }];

async function mirrored(
  toast: string,
  tables: readonly Mirror[],
  changes: readonly string[],
): Promise<string[][]> {
  await using database = await createSourceDatabase();
  await database.sql(
    `${MATRIX_SETUP}; ${printingSettings(database.name)}; ${MATRIX_TABLE}; ${TABLES}; ${COPIED}`,
  );
  for (let row = 0; row < MATRIX_ROWS; row++) await database.sql(matrixInsert(row));
  await using source = startSource(database, {
    tables: tables.map(({ name }) => `public.${name}`).join(','),
    envelope: 'debezium',
    toast,
    'on-truncate': 'publish',
    partitions: '1',
  });
  const sink = startSinkProcess({
    'database-url': await database.grantSink(tables.map(({ name }) => `mirror.${name}`)),
    'kafka-bootstrap-servers': inject('kafkaBrokers'),
    'schema-registry-url': inject('registryUrl'),
    'topic-prefix': database.name,
    tables: tables.map(({ name }) => `public.${name}=mirror.${name}`).join(','),
  });
  const reflect = async (): Promise<void> => {
    for (const table of tables)
      await expect.poll(() => differences(database, table).catch(String), POLL).toEqual([]);
  };
  await source.logged('"msg":"streaming"');
  await database.sql('UPDATE matrix SET touched = 1 WHERE id > 0');
  await reflect();
  for (const change of changes) {
    await database.sql(change);
    await reflect();
  }
  const rows = await database.sql('SELECT a, b, left(body, 5), doc IS NULL, n FROM mirror.big ORDER BY a');
  expect(await sink.end('SIGTERM')).toBe(0);
  return rows;
}

test("tables that go through Debezium's envelope are equal to their origin, whatever happens to their rows", async () => {
  expect(await mirrored('fill', MIRRORS, [...CHANGES, ...KEY_CHANGES])).toEqual([
    ['1', 'moved', 'xxxxx', 'f', '1'],
    ['3', 'k', 'xxxxx', 't', '1'],
    ['4', 'k', 'short', 'f', '1'],
  ]);
}, 90_000);

test('large values that are not sent again keep what the target has, and are null in a row that it does not have', async () => {
  const tables = [{ name: 'big', columns: `format('%s %s %s', a, b, n)` }, { name: 'whole' }];
  expect(await mirrored('mark', tables, [...CHANGES, ...KEY_CHANGES])).toEqual([
    ['1', 'moved', null, 't', '1'],
    ['3', 'k', 'xxxxx', 't', '1'],
    ['4', 'k', 'short', 't', '1'],
  ]);
}, 90_000);
