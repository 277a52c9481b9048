import { expect, test } from 'vitest';
import { Catalog } from '../../../connectors/postgres-source/shapes/catalog.ts';
import type { TableSchema } from '../../../connectors/postgres-source/shapes/table-schema.ts';
import { tableSchema } from '../../../connectors/postgres-source/shapes/table-schema.ts';
import type { TypePolicy } from '../../../connectors/postgres-source/types/type-policy.ts';
import { parseColumnRules } from '../../../connectors/postgres-source/types/type-policy.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { decodedBy } from './encoded-column.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';

/** The schema that the source would give the table `public.t`. */
async function schemaOf(database: SourceDatabase, policy: TypePolicy): Promise<TableSchema> {
  await using sql = await WireConnection.open({
    url: database.url,
    replication: false,
    applicationName: 'type-catalog-test',
  });
  const catalog = await Catalog.open(sql);
  const [[oid] = []] = await database.sql(`SELECT 't'::regclass::oid`);
  const relation = await catalog.relation({
    oid: Number(oid),
    schema: 'public',
    table: 't',
    columns: null,
    filter: null,
  });
  return tableSchema(relation, await catalog.details(relation), undefined, policy);
}

/** The first row of the table, each value through its codec from the very text that the server prints. */
async function firstRow(database: SourceDatabase, schema: TableSchema): Promise<object> {
  const [texts = []] = await database.sql('SELECT * FROM t');
  const decoded = schema.columns.map(({ field, codec }, i) => [field, decodedBy(codec, texts[i] ?? '')]);
  return Object.fromEntries(decoded) as object;
}

const DEFAULTS = { specialValues: 'null', columnTypes: new Map() } as const;

test('S126 domains, arrays and composites are resolved through any number of levels', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`
    CREATE DOMAIN amount AS numeric(10,2); CREATE DOMAIN small_amount AS amount; CREATE DOMAIN amounts AS small_amount[];
    CREATE TYPE "inner" AS (label text, "a b" amounts, at timestamptz);
    CREATE TYPE "outer" AS (one "inner", many "inner"[], gone int);
    ALTER TYPE "outer" DROP ATTRIBUTE gone;
    CREATE TABLE t (o "outer", a small_amount[], nested int[][]);
    INSERT INTO t VALUES (
      ROW(ROW('x "y", \\z', '{1.5,NULL}', '1970-01-01 00:00:01+00'), ARRAY[ROW('', NULL, NULL)]::"inner"[]), '{2.25}', '{{1}}')`);
  const rules = { ...DEFAULTS, columnTypes: parseColumnRules('public.t.o=record') };
  const schema = await schemaOf(database, rules);
  const decimal = (unscaled: bigint): object => ({ unscaled, scale: 2 });
  expect(await firstRow(database, schema)).toEqual({
    o: {
      one: { label: 'x "y", \\z', a_b: [decimal(150n), null], at: 1_000_000n },
      many: [{ label: '', a_b: null, at: null }],
    },
    a: [decimal(225n)],
    nested: '{{1}}',
  });
  const plain = await schemaOf(database, DEFAULTS);
  expect(plain.columns.map(({ codec }) => codec.avro)[0]).toBe('string');
});

test('the labels of an enum are told, and its values stay strings', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`CREATE TYPE mood AS ENUM ('sad', 'happy'); ALTER TYPE mood ADD VALUE 'so so' AFTER 'sad';
    CREATE TABLE t (m mood)`);
  const { valueSchema } = await schemaOf(database, DEFAULTS);
  expect(valueSchema.fields[0]).toEqual({
    name: 'm',
    type: ['null', 'string'],
    default: null,
    'pg.type': 'public.mood',
    'pg.enum': ['sad', 'so so', 'happy'],
  });
});

test('S122 one switch decides for every column, and a rule for its own', async () => {
  await using database = await createSourceDatabase();
  await database.sql(`CREATE TABLE t (d date, at timestamp, n numeric(4,1), x numeric, e date);
    INSERT INTO t VALUES ('infinity', '-infinity', 'NaN', 'Infinity', 'infinity')`);
  const rules = parseColumnRules('public.t.x=decimal(6,2),public.t.e=string');
  const row = async (specialValues: TypePolicy['specialValues']): Promise<object> =>
    firstRow(database, await schemaOf(database, { specialValues, columnTypes: rules }));
  expect(await row('null')).toEqual({
    d: 'special',
    at: 'special',
    n: 'special',
    x: 'special',
    e: 'infinity',
  });
  expect(await row('string')).toEqual({
    d: 'infinity',
    at: '-infinity',
    n: 'NaN',
    x: 'special',
    e: 'infinity',
  });
  expect(await row('clamp')).toEqual({
    d: 2_932_896,
    at: -62_135_596_800_000_000n,
    n: 'special',
    x: { unscaled: 999_999n, scale: 2 },
    e: 'infinity',
  });
  await expect(row('error')).rejects.toThrow(expect.objectContaining({ code: 'source.special_value' }));
});
