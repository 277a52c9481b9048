import { expect, inject, test } from 'vitest';
import { type SourceDatabase, createSourceDatabase } from '../postgres-source/source-database.ts';
import { startSource } from '../postgres-source/source-process.ts';
import {
  MATRIX_ROWS,
  MATRIX_SETUP,
  MATRIX_TABLE,
  TYPE_MATRIX,
  matrixInsert,
  printingSettings,
} from '../postgres-source/type-matrix.ts';
import { startSinkProcess } from './sink-process.ts';

const POLL = { interval: 50, timeout: 40_000 };

/** Names of objects, which another database need not have: text in the target. */
const AS_TEXT = 'c_regclass';

const RULES = {
  'public.ruled.until': 'string',
  'public.ruled.since': 'timestamp-micros',
  'public.ruled.price': 'decimal(38,6)',
  'public.ruled.home': 'record',
  'public.ruled.homes': 'record',
};

/** `row.column` of what is not the same to the byte in the source's table and in its mirror: scale, bounds, -0 too. */
function differences(
  database: SourceDatabase,
  table: string,
  columns: readonly string[],
): Promise<string[][]> {
  const same = columns.map((name) =>
    name === AS_TEXT
      ? `record_image_eq(ROW(s.${name}::text), ROW(m.${name}))`
      : `record_image_eq(ROW(s.${name}), ROW(m.${name}))`,
  );
  return database.sql(
    `SELECT id || '.' || name FROM (
       SELECT id, unnest(ARRAY['${columns.join("','")}']) AS name, unnest(ARRAY[${same.join(', ')}]) AS same
       FROM public.${table} s FULL JOIN mirror.${table} m USING (id)) d
     WHERE same IS NOT TRUE ORDER BY 1`,
  );
}

const columnsOf = (database: SourceDatabase, table: string): Promise<string[][]> =>
  database.sql(
    `SELECT attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum) FROM pg_attribute
     WHERE attrelid = '${table}'::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
  );

test('a table of every type that goes through the pipeline is equal to its origin, special values too, and follows it', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`${MATRIX_SETUP}; ${printingSettings(database.name)}; ${MATRIX_TABLE}`);
  for (let row = 0; row < MATRIX_ROWS; row++) await database.sql(matrixInsert(row));
  await database.sql(`
    CREATE TABLE ruled (until date, since timestamp, price numeric, home address, homes address[], gone text,
      code varchar(5), id int PRIMARY KEY);
    COMMENT ON TABLE ruled IS 'What''s ruled'; COMMENT ON COLUMN ruled.code IS 'a "code"';
    INSERT INTO ruled VALUES
      ('infinity', '2024-02-29 12:34:56.789012', 'NaN', ROW('Main "St"', 1, NULL), ARRAY[ROW(NULL, 2, '2024-01-01')::address, NULL], 'kept', 'abcde', 1),
      ('2024-02-29', '-infinity', 12.345678, ROW('', NULL, '0044-03-15 BC'), '{}', NULL, NULL, 2)`);
  await using source = startSource(database, {
    tables: 'public.matrix,public.ruled',
    'column-types': Object.entries(RULES)
      .map(([column, rule]) => `${column}=${rule}`)
      .join(','),
  });
  const sink = startSinkProcess({
    'database-url': await database.grantSink(['mirror.matrix', 'mirror.ruled']),
    'kafka-bootstrap-servers': inject('kafkaBrokers'),
    'schema-registry-url': inject('registryUrl'),
    'topic-prefix': database.name,
    tables: 'public.matrix=mirror.matrix,public.ruled=mirror.ruled',
  });
  await source.logged('"msg":"streaming"');
  await database.sql('UPDATE matrix SET touched = 1 WHERE id > 0');
  const columns = ['id', 'touched', ...TYPE_MATRIX.map(({ column }) => column)];
  await expect.poll(() => differences(database, 'matrix', columns).catch(String), POLL).toEqual([]);
  await expect
    .poll(
      () =>
        differences(database, 'ruled', ['until', 'since', 'price', 'home', 'homes', 'gone', 'code']).catch(
          String,
        ),
      POLL,
    )
    .toEqual([]);
  for (const [one, other] of [
    ['public', 'mirror'],
    ['mirror', 'public'],
  ])
    expect(
      await database.sql(`SELECT t::text FROM ${one}.matrix t EXCEPT SELECT t::text FROM ${other}.matrix t`),
    ).toEqual([]);
  const types = (await columnsOf(database, 'public.matrix')).map(([name, type, comment]) =>
    name === AS_TEXT ? [name, 'text', comment] : [name, type, comment],
  );
  expect(await columnsOf(database, 'mirror.matrix')).toEqual(types);
  expect(await columnsOf(database, 'mirror.ruled')).toEqual(await columnsOf(database, 'public.ruled'));
  expect(await database.sql("SELECT obj_description('mirror.ruled'::regclass)")).toEqual([["What's ruled"]]);

  await database.sql(`
    COMMENT ON COLUMN ruled.code IS 'longer'; ALTER TABLE ruled DROP COLUMN gone; ALTER TABLE ruled ADD COLUMN more mood;
    ALTER TABLE ruled ALTER COLUMN code TYPE varchar(40);
    UPDATE ruled SET code = 'longer than five', more = 'happy' WHERE id = 1`);
  await expect
    .poll(() => database.sql('SELECT code, more, gone FROM mirror.ruled ORDER BY id').catch(String), POLL)
    .toEqual([
      ['longer than five', 'happy', 'kept'],
      [null, null, null],
    ]);
  expect((await columnsOf(database, 'mirror.ruled')).slice(-4)).toEqual([
    ['gone', 'text', null],
    ['code', 'character varying(40)', 'longer'],
    ['id', 'integer', null],
    ['more', 'mood', null],
  ]);
  expect(sink.log().filter((line) => line.includes('the column keeps its values'))).toHaveLength(1);
  expect(await sink.end('SIGTERM')).toBe(0);
});
