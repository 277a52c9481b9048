import { expect, inject, onTestFinished, test } from 'vitest';
import type { AvroField, AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { type Change, foldChanges } from '../../../connectors/postgres-sink/batch.ts';
import { ensureTable } from '../../../connectors/postgres-sink/target-schema.ts';
import { describeTable } from '../../../connectors/postgres-sink/target-table.ts';
import { withMetaColumns } from '../../../connectors/postgres-sink/meta-columns.ts';
import { DEFAULT_TABLE_OPTIONS, type TableOptions } from '../../../connectors/postgres-sink/table-options.ts';
import { TableWriter } from '../../../connectors/postgres-sink/upsert.ts';
import { type TargetDatabase, createTargetDatabase } from './target-database.ts';

const NAME = { schema: 'public', table: 't' };
const KEY: AvroRecord = { type: 'record', name: 'K', fields: [{ name: 'id', type: 'long' }] };

interface Table {
  readonly target: TargetDatabase;
  readonly apply: (changes: readonly Change[]) => Promise<void>;
}

async function tableOf(
  fields: readonly AvroField[],
  key: AvroSchema = KEY,
  options: Partial<TableOptions> = {},
): Promise<Table> {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const session = await target.openSession();
  onTestFinished(() => session[Symbol.asyncDispose]());
  const described = describeTable(NAME, key, { type: 'record', name: 'R', fields }, null);
  const table = withMetaColumns(described, { ...DEFAULT_TABLE_OPTIONS, ...options });
  await ensureTable(session.client, table);
  const writer = new TableWriter(table);
  return {
    target,
    async apply(changes) {
      for (const statement of writer.statements(foldChanges(changes, writer.keepsDeleted)))
        await session.client.query({ ...statement, values: [...statement.values] });
    },
  };
}

const put = (id: number, row: Record<string, unknown>, unchanged: string[] = []): Change => ({
  keyBody: String(id),
  key: { id: BigInt(id) },
  row,
  unchanged,
});
const remove = (id: number): Change => ({
  keyBody: String(id),
  key: { id: BigInt(id) },
  row: null,
  unchanged: [],
});

const logical = (type: string, logicalType: string, more: object = {}): AvroSchema =>
  ({ type, logicalType, ...more }) as AvroSchema;
const decimalOf = (precision: number, scale: number): AvroSchema =>
  logical('bytes', 'decimal', { precision, scale });
const micros = (iso: string): bigint => BigInt(Date.parse(iso)) * 1000n;

/** Type, the type that the source column had, a decoded value, and an SQL expression for what must be stored. */
const VALUES: readonly (readonly [AvroSchema, string | null, unknown, string])[] = [
  ['boolean', null, false, 'false'],
  ['int', null, -2_147_483_648, '(-2147483648)::int4'],
  ['int', 'smallint', -32_768, '(-32768)::int2'],
  ['long', null, -9_223_372_036_854_775_808n, '(-9223372036854775808)::int8'],
  ['long', 'oid', 4_294_967_295n, '4294967295::oid'],
  ['float', 'real', Math.fround(0.1), '0.1::float4'],
  ['double', null, 5e-324, "'5e-324'::float8"],
  ['double', null, 1.797_693_134_862_315_7e308, "'1.7976931348623157e308'::float8"],
  ['double', null, Number.NaN, "'NaN'::float8"],
  ['double', null, Number.POSITIVE_INFINITY, "'Infinity'::float8"],
  [
    decimalOf(38, 10),
    null,
    { unscaled: -(10n ** 38n - 1n), scale: 10 },
    '-9999999999999999999999999999.9999999999',
  ],
  [
    'string',
    'numeric',
    '-1234567890123456789012345678901234567890.000001',
    '-1234567890123456789012345678901234567890.000001',
  ],
  ['string', 'numeric', 'NaN', "'NaN'::numeric"],
  ['string', null, '', "''"],
  ['string', null, 'NULL', "'NULL'"],
  ['string', null, ' "a" \\ {b},\n\t\u{1F600} ', String.raw`E' "a" \\ {b},\n\t\U0001F600 '`],
  ['string', 'character(4)', 'ab  ', "'ab'::char(4)"],
  ['bytes', null, Buffer.from([0, 92, 34, 255]), String.raw`'\x005c22ff'::bytea`],
  ['bytes', null, Buffer.alloc(0), "''::bytea"],
  [
    logical('string', 'uuid'),
    null,
    '0B2EE1C4-0000-0000-0000-0000000000FF',
    "'0b2ee1c4-0000-0000-0000-0000000000ff'::uuid",
  ],
  [logical('int', 'date'), null, -2_440_588, "'4714-11-24 BC'::date"],
  [logical('int', 'date'), null, 2145042905, "'5874897-12-31'::date"],
  [logical('long', 'time-micros'), null, 86_400_000_000n, "'24:00:00'::time"],
  [
    logical('long', 'timestamp-micros'),
    null,
    micros('1969-12-31T23:59:59.999Z') + 999n,
    "'1969-12-31 23:59:59.999999+00'::timestamptz",
  ],
  [
    logical('long', 'timestamp-micros'),
    null,
    micros('-000043-03-15T12:00:00Z'),
    "'0044-03-15 12:00:00+00 BC'::timestamptz",
  ],
  [
    logical('long', 'local-timestamp-micros'),
    null,
    9_223_371_331_199_999_999n,
    "'294247-01-01 23:59:59.999999'::timestamp",
  ],
  [
    logical('long', 'local-timestamp-micros'),
    null,
    -210_866_803_200_000_000n,
    "'4714-11-24 00:00:00 BC'::timestamp",
  ],
  ['string', 'integer[]', '{1,NULL,3}', 'ARRAY[1,NULL,3]'],
  ['string', 'text[]', '{"a,b",NULL,"NULL"}', "ARRAY['a,b',NULL,'NULL']"],
  ['string', 'jsonb', '{"a": [1, "\\"x"]}', `'{"a": [1, "\\"x"]}'::jsonb`],
  ['string', 'interval', '-1 year 2 mons -03:00:00.000001', "'-1 year 2 mons -03:00:00.000001'::interval"],
  ['string', 'inet', '10.0.0.1/8', "'10.0.0.1/8'::inet"],
  ['string', 'time with time zone', '12:00:00+02', "'12:00:00+02'::timetz"],
  ['string', 'int4range', '[1,5)', 'int4range(1,5)'],
  ['string', 'bit varying(8)', '1010', "B'1010'::varbit"],
  [{ type: 'array', items: 'long' }, null, [9_007_199_254_740_993n], "'[9007199254740993]'::jsonb"],
  [{ type: 'map', values: 'string' }, null, { 'k"': 'v\\' }, String.raw`'{"k\"": "v\\"}'::jsonb`],
];

test('every value is stored exactly, beside nulls', async () => {
  const fields = VALUES.map(([type, pgType], i): AvroField => ({
    name: `f${i}`,
    type: ['null', type],
    default: null,
    ...(pgType === null ? {} : { 'pg.type': pgType }),
  }));
  const { target, apply } = await tableOf(fields);
  const row = Object.fromEntries(VALUES.map(([, , value], i) => [`f${i}`, value]));
  await apply([put(1, row), put(2, {})]);
  const same = VALUES.map(([, , , sql], i) => `f${i} IS NOT DISTINCT FROM ${sql}`);
  const [stored] = await target.rows(`SELECT ${same.join(', ')} FROM t WHERE id = 1`);
  expect(VALUES.filter((_, i) => stored?.[i] !== 't')).toEqual([]);
  expect(
    await target.rows(`SELECT num_nulls(${fields.map((f) => f.name).join(', ')}) FROM t WHERE id = 2`),
  ).toEqual([[String(VALUES.length)]]);
});

const FIELDS: readonly AvroField[] = [
  { name: 'v', type: ['null', 'int'] },
  { name: 'big', type: ['null', 'string'] },
  { name: 'huge', type: ['null', 'string'] },
];

test('rows are inserted, updated and deleted in one batch', async () => {
  const { target, apply } = await tableOf(FIELDS);
  await apply([put(1, { v: 1 }), put(2, { v: 2 }), put(3, { v: 3 })]);
  await apply([put(1, { v: 10 }), remove(2), put(4, { v: 4 }), remove(99), remove(3), put(3, { v: 30 })]);
  expect(await target.rows('SELECT id, v FROM t ORDER BY id')).toEqual([
    ['1', '10'],
    ['3', '30'],
    ['4', '4'],
  ]);
});

test('an unchanged column keeps its value, a null one becomes null', async () => {
  const { target, apply } = await tableOf(FIELDS);
  await apply([1, 2, 3, 4].map((id) => put(id, { v: id, big: `big${id}`, huge: `huge${id}` })));
  await apply([
    put(1, { v: 10, big: null, huge: null }, ['big']),
    put(2, { v: 20, big: null, huge: 'new' }, ['big']),
    put(3, { v: 30, big: null, huge: null }, ['huge', 'big']),
    put(4, { v: 40, big: null, huge: null }),
  ]);
  expect(await target.rows('SELECT id, v, big, huge FROM t ORDER BY id')).toEqual([
    ['1', '10', 'big1', null],
    ['2', '20', 'big2', 'new'],
    ['3', '30', 'big3', 'huge3'],
    ['4', '40', null, null],
  ]);
});

test('a row of which all but the key is unchanged stays as it is', async () => {
  const { target, apply } = await tableOf(FIELDS);
  await apply([put(1, { v: 1, big: 'b', huge: 'h' })]);
  await apply([put(1, {}, ['v', 'big', 'huge'])]);
  expect(await target.rows('SELECT v, big, huge FROM t')).toEqual([['1', 'b', 'h']]);
});

test('a table of nothing but its key takes inserts, repeats and deletes', async () => {
  const { target, apply } = await tableOf([]);
  await apply([put(1, {}), put(2, {})]);
  await apply([put(1, {}), remove(2)]);
  expect(await target.rows('SELECT id FROM t')).toEqual([['1']]);
});

test('keys of several columns and types that travel as text are matched', async () => {
  const key: AvroRecord = {
    type: 'record',
    name: 'K',
    fields: [
      { name: 'code', type: 'string', 'pg.type': 'character(3)' },
      { name: 'at', type: logical('long', 'timestamp-micros') },
      { name: 'path', type: 'string', 'pg.type': 'integer[]' },
    ],
  };
  const { target, apply } = await tableOf([{ name: 'v', type: 'int' }], key);
  const row = (code: string, at: bigint, v: number | null): Change => ({
    keyBody: `${code}${at}`,
    key: { code, at, path: '{1,2}' },
    row: v === null ? null : { v },
    unchanged: [],
  });
  await apply([row('a  ', 1n, 1), row('a  ', 2n, 2), row('b  ', 1n, 3)]);
  await apply([row('a  ', 1n, null), row('b  ', 1n, 4)]);
  expect(await target.rows('SELECT code, extract(microseconds FROM at), path, v FROM t ORDER BY v')).toEqual([
    ['a  ', '2', '{1,2}', '2'],
    ['b  ', '1', '{1,2}', '4'],
  ]);
});

test('a deleted row gives its unique value up to a row of the same batch', async () => {
  const { target, apply } = await tableOf(FIELDS);
  await target.client.query('CREATE UNIQUE INDEX ON t (v)');
  await apply([put(1, { v: 7 })]);
  await apply([put(2, { v: 7 }), remove(1)]);
  expect(await target.rows('SELECT id, v FROM t')).toEqual([['2', '7']]);
});

const TRUNCATE: Change = { keyBody: '', key: {}, row: null, unchanged: [], isTruncate: true };
const at = (lsn: bigint, seq: bigint, change: Change): Change => ({
  ...change,
  meta: { __lsn: lsn, __seq: seq, __commit_ts: 0n },
});

test('a truncate deletes all rows from before it, softly where deleted rows are kept', async () => {
  for (const deleteMode of ['hard', 'soft'] as const) {
    const { target, apply } = await tableOf(FIELDS, KEY, { deleteMode });
    await apply([put(1, { v: 1 }), put(2, { v: 2 })]);
    await apply([put(3, { v: 3 }), TRUNCATE, put(2, { v: 20 })]);
    const isLive = deleteMode === 'soft' ? 'NOT __deleted' : 'true';
    expect(await target.rows(`SELECT id, v, ${isLive} FROM t ORDER BY id`)).toEqual(
      deleteMode === 'hard'
        ? [['2', '20', 't']]
        : [
            ['1', '1', 'f'],
            ['2', '20', 't'],
            ['3', '3', 'f'],
          ],
    );
  }
});

test('a soft deletion keeps the row and marks it; a row that comes back is not marked', async () => {
  const { target, apply } = await tableOf(FIELDS, KEY, { deleteMode: 'soft' });
  await apply([put(1, { v: 1, big: 'b' }), put(2, { v: 2 }), put(3, { v: 3 }), remove(3)]);
  await apply([remove(1), remove(2), remove(99)]);
  await apply([put(2, { v: 20 })]);
  expect(await target.rows('SELECT id, v, big, __deleted FROM t ORDER BY id')).toEqual([
    ['1', '1', 'b', 't'],
    ['2', '20', null, 'f'],
    ['3', '3', null, 't'],
  ]);
});

test('with meta columns a record from before the row that it meets changes nothing, a deletion included', async () => {
  const { target, apply } = await tableOf(FIELDS, KEY, { deleteMode: 'soft', metaColumns: true });
  await apply([at(0x1_0000_0002n, 5n, put(1, { v: 5 })), at(7n, 1n, put(2, { v: 7 })), put(3, { v: 1 })]);
  await apply([
    at(0x1_0000_0002n, 4n, put(1, { v: 4 })),
    at(6n, 9n, remove(2)),
    at(1n, 0n, put(3, { v: 2 })),
  ]);
  await apply([at(8n, 0n, remove(2))]);
  await apply([at(7n, 1n, put(2, { v: 7 })), at(0x1_0000_0002n, 5n, put(1, { v: 5, big: 'same again' }))]);
  expect(await target.rows('SELECT id, v, big, __lsn, __seq, __deleted FROM t ORDER BY id')).toEqual([
    ['1', '5', 'same again', '1/2', '5', 'f'],
    ['2', '7', null, '0/8', '0', 't'],
    ['3', '2', null, '0/1', '0', 'f'],
  ]);
});

test('a late deletion deletes no newer row', async () => {
  const { target, apply } = await tableOf(FIELDS, KEY, { metaColumns: true });
  await apply([at(7n, 1n, put(1, { v: 1 })), at(7n, 2n, put(2, { v: 2 }))]);
  await apply([at(7n, 0n, remove(1)), at(7n, 3n, remove(2))]);
  expect(await target.rows('SELECT id FROM t')).toEqual([['1']]);
});
