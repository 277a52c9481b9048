import { expect, inject, onTestFinished, test } from 'vitest';
import { Places, avroScan } from '../../../connectors/postgres-sink/avro-scan.ts';
import { type Change, type Fields, foldChanges } from '../../../connectors/postgres-sink/batch.ts';
import { RawChange } from '../../../connectors/postgres-sink/raw-change.ts';
import { SpecialText } from '../../../connectors/postgres-sink/special-text.ts';
import { ensureTable } from '../../../connectors/postgres-sink/target-schema.ts';
import { describeTable } from '../../../connectors/postgres-sink/target-table.ts';
import { TableWriter } from '../../../connectors/postgres-sink/upsert.ts';
import type { AvroField, AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';
import { createTargetDatabase } from './target-database.ts';

const logical = (type: string, logicalType: string, more: object = {}): AvroSchema =>
  ({ type, logicalType, ...more }) as AvroSchema;
const MICROS_MAX = 9_223_372_036_854_775_807n;

/** Avro type, type of the column, values; texts in braces are special ones. */
const COLUMNS: readonly (readonly [AvroSchema, string | null, readonly unknown[]])[] = [
  ['boolean', null, [true, false]],
  ['int', null, [0, -1, 63, 64, 2_147_483_647, -2_147_483_648]],
  ['int', 'smallint', [-32_768, 32_767, -1]],
  ['long', null, [0n, -1n, 2n ** 32n, -(2n ** 52n), 2n ** 53n + 1n, MICROS_MAX, -MICROS_MAX - 1n]],
  ['long', 'oid', [4_294_967_295n]],
  ['float', 'real', [Math.fround(0.1), Number.NaN, -0]],
  ['float', null, [Math.fround(0.1), Number.NEGATIVE_INFINITY]],
  ['double', null, [5e-324, 1.797_693_134_862_315_7e308, Number.NaN, Number.POSITIVE_INFINITY, -0]],
  ['string', null, ['', 'NULL', ' "a" \\ {b},\n\t\u{1F600} ', 'x'.repeat(3000)]],
  ['string', 'character(4)', ['ab  ']],
  ['string', 'character varying(20)', ['ab ']],
  ['string', 'jsonb', ['{"a": [1.0, "\u{1F600}"]}']],
  ['string', 'json', ['{"a" :1}']],
  ['string', 'inet', ['10.0.0.1/8']],
  ['string', 'numeric', ['-1234567890123456789012345678901234567890.000001', 'NaN']],
  ['bytes', null, [Buffer.from([0, 92, 34, 255]), Buffer.alloc(0), Buffer.alloc(100, 1)]],
  [{ type: 'fixed', name: 'F', size: 2 }, null, [Buffer.from([0, 255])]],
  [{ type: 'enum', name: 'E', symbols: ['sad', 'ok'] }, null, ['sad', 'ok']],
  [logical('string', 'uuid'), null, ['6F9619FF-8B86-D011-B42D-00CF4FC964FF']],
  [
    logical('bytes', 'decimal', { precision: 38, scale: 10 }),
    null,
    [0n, 1n, -1n, -99_999_999_999n, 123_400_000_000n, 10n ** 38n - 1n].map((unscaled) => ({
      unscaled,
      scale: 10,
    })),
  ],
  [
    logical('bytes', 'decimal', { precision: 9, scale: 2 }),
    'numeric',
    [{ unscaled: -5n, scale: 2 }, '{NaN}', '{-Infinity}'],
  ],
  [logical('int', 'date'), null, [0, -719_528, 2_932_896, 100_000_000, '{infinity}', '{-infinity}']],
  [logical('int', 'time-millis'), null, [86_399_999]],
  [logical('long', 'time-micros'), null, [0n, 86_399_999_999n, 86_400_000_000n]],
  [logical('long', 'timestamp-millis'), null, [-1n, 1_767_225_600_123n]],
  [
    logical('long', 'timestamp-micros'),
    null,
    [
      -1n,
      1_767_225_600_123_456n,
      9_224_318_015_999_999_999n / 1_001n,
      -210_866_803_200_000_000n,
      '{infinity}',
      '{-infinity}',
    ],
  ],
  [logical('long', 'local-timestamp-micros'), null, [-62_135_596_800_000_000n]],
  [{ type: 'array', items: ['null', 'int'] }, 'integer[]', [[1, null, 3], []]],
  [{ type: 'map', values: 'long' }, null, [{ a: 2n ** 60n }]],
];

const FIELDS: readonly AvroField[] = COLUMNS.map(([type, pgType], i) => ({
  name: `c${i}`,
  type: ['null', type] as AvroSchema,
  default: null,
  ...(pgType === null ? {} : { 'pg.type': pgType }),
}));
const KEY: AvroRecord = { type: 'record', name: 'K', fields: [{ name: 'id', type: 'long' }] };
const VALUE: AvroRecord = { type: 'record', name: 'V', fields: FIELDS };

/** One value each, and a row of nulls. */
const ROWS = Array.from({ length: 1 + Math.max(...COLUMNS.map(([, , values]) => values.length)) }, (_, r) =>
  COLUMNS.map(([, , values]) => values[r] ?? null),
);

function changesOf(): { readonly raw: Change[]; readonly decoded: Change[] } {
  const [keyType, valueType] = [compileType(KEY), compileType(VALUE)];
  const [keyScan, valueScan] = [avroScan(KEY, 'key'), avroScan(VALUE, 'value')];
  const places = new Places(0);
  const raw: Change[] = [];
  const decoded: Change[] = [];
  for (const [r, values] of ROWS.entries()) {
    const specials = new Map<string, SpecialText>();
    const row: Record<string, unknown> = {};
    for (const [i, value] of values.entries()) {
      const special = typeof value === 'string' ? /^\{(-?\w+)\}$/.exec(value)?.[1] : undefined;
      if (special !== undefined) specials.set(`c${i}`, new SpecialText(special));
      row[`c${i}`] = special === undefined ? value : null;
    }
    const keyBytes = frame(1, keyType.toBuffer({ id: BigInt(r) }));
    const valueBytes = frame(2, valueType.toBuffer(row));
    const body = { keyBody: keyBytes.toString('latin1', 5), unchanged: [], meta: undefined };
    const keyFirst = keyScan.add(keyBytes, places);
    const valueFirst = valueScan.add(valueBytes, places);
    raw.push(
      new RawChange({
        ...body,
        keyBytes,
        keyScan,
        keyFirst,
        valueBytes,
        valueScan,
        valueFirst,
        places,
        specials,
      }),
    );
    const fields = valueType.fromBuffer(valueBytes.subarray(5)) as Fields;
    decoded.push({ ...body, key: { id: BigInt(r) }, row: { ...fields, ...Object.fromEntries(specials) } });
  }
  return { raw, decoded };
}

test('a value that goes from its bytes into a binary array is equal to the one that goes as text', async () => {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  const session = await target.openSession();
  onTestFinished(() => session[Symbol.asyncDispose]());
  const changes = changesOf();
  const sent: Record<string, readonly (string | Buffer)[]> = {};
  for (const kind of ['raw', 'decoded'] as const) {
    const table = describeTable({ schema: 'public', table: kind }, KEY, VALUE, null);
    await ensureTable(session.client, table);
    const writer = new TableWriter(table);
    for (const statement of writer.statements(foldChanges(changes[kind]))) {
      sent[kind] = statement.values;
      await session.client.query({ ...statement, values: [...statement.values] });
    }
  }
  for (const [i] of COLUMNS.entries()) {
    const sql = (kind: string): string => `SELECT id, c${i}::text FROM ${kind} ORDER BY id`;
    expect(await target.rows(sql('raw')), `c${i}`).toEqual(await target.rows(sql('decoded')));
  }
  const asText = COLUMNS.flatMap(([, pgType], i) =>
    typeof sent['raw']?.[i + 1] === 'string' ? [pgType ?? i] : [],
  );
  // The others have no binary form here.
  expect(asText).toEqual(['oid', 'inet', 'numeric', 'integer[]', COLUMNS.length - 1]);
  expect(sent['decoded']?.some((value) => typeof value !== 'string')).toBe(false);
  const gone = changes.raw.map((change) => ({
    keyBody: change.keyBody,
    key: change.key,
    row: null,
    unchanged: [],
  }));
  const writer = new TableWriter(describeTable({ schema: 'public', table: 'raw' }, KEY, VALUE, null));
  for (const statement of writer.statements(foldChanges(gone)))
    await session.client.query({ ...statement, values: [...statement.values] });
  expect(await target.rows('SELECT count(*) FROM raw')).toEqual([['0']]);
});
