import { expect, inject, test } from 'vitest';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { bodyOf, schemaIdOf } from '../../../schemas/serde/wire-format.ts';
import { type Event, KafkaView } from './cdc-topic.ts';
import { createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { isSpecial } from './type-case.ts';
import {
  MATRIX_ROWS,
  MATRIX_SETUP,
  MATRIX_TABLE,
  TYPE_MATRIX,
  matrixInsert,
  printingSettings,
} from './type-matrix.ts';

const STREAMING = '"msg":"streaming"';
/** What a reader of row `row` must see, and what the header must say beside it. */
function expectedRow(row: number): { readonly values: object; readonly specials: object } {
  const values: Record<string, unknown> = {};
  const specials: Record<string, string> = {};
  for (const { column, values: cases } of TYPE_MATRIX) {
    const value = cases[row]?.[1] ?? null;
    values[column] = isSpecial(value) ? null : value;
    if (isSpecial(value)) specials[column] = value.special;
  }
  return { values, specials };
}

function specialsOf(event: Event): object {
  const header = event.record.headers.find(({ key }) => key === 'pg.special');
  return JSON.parse(header?.value?.toString('utf8') ?? '{}') as object;
}

/** The bytes of the columns, up to `touched`, which an update changes. */
async function columnBytes(event: Event): Promise<Buffer> {
  const framed = event.record.value as Buffer;
  const registry = connectRegistry({ url: inject('registryUrl'), clientId: 'types-test' });
  const schema = (await registry.schemaById(schemaIdOf(framed))) as AvroRecord;
  const fields = schema.fields.slice(
    0,
    schema.fields.findIndex(({ name }) => name === 'touched'),
  );
  const { offset } = compileType({ ...schema, fields }).decode(bodyOf(framed), 0);
  return bodyOf(framed).subarray(0, offset);
}

test('S121 S122 S123 S125 S126 S127 S128 S129 every type arrives exactly, from the snapshot as from the stream', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`${MATRIX_SETUP}; ${printingSettings(database.name)}`);
  await database.sql(MATRIX_TABLE);
  for (let row = 0; row < MATRIX_ROWS; row++) await database.sql(matrixInsert(row));
  await using source = startSource(database, { tables: 'public.matrix' });
  await source.logged(STREAMING);
  await database.sql('UPDATE matrix SET touched = 1');
  const events = await view.eventsOnce(`${database.name}.public.matrix`, 2 * MATRIX_ROWS);
  expect(events).toHaveLength(2 * MATRIX_ROWS);
  for (let row = 0; row < MATRIX_ROWS; row++) {
    const [read, updated] = events.filter(({ key }) => key?.['id'] === row);
    expect([read?.op, updated?.op]).toEqual(['r', 'u']);
    const { values, specials } = expectedRow(row);
    expect(read?.value).toMatchObject(values);
    expect(specialsOf(read as Event)).toEqual(specials);
    expect(specialsOf(updated as Event)).toEqual(specials);
    expect((await columnBytes(updated as Event)).equals(await columnBytes(read as Event))).toBe(true);
  }
});

test('S130 bytes that are no UTF-8, in a database that does not know its encoding, are null with the header', async () => {
  await using database = await createSourceDatabase(
    "ENCODING 'SQL_ASCII' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
  );
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE notes (id int PRIMARY KEY, note text)');
  const insert = (id: number): string =>
    String.raw`INSERT INTO notes VALUES (${id}, E'caf\xe9'), (${id + 1}, E'caf\xc3\xa9'), (${id + 2}, 'cafe')`;
  await database.sql(insert(1));
  await using source = startSource(database, { tables: 'public.notes' });
  await source.logged(STREAMING);
  await database.sql(insert(11));
  const events = await view.eventsOnce(`${database.name}.public.notes`, 6);
  const seen = events.map((event) => [event.key?.['id'], event.value?.['note'], specialsOf(event)]);
  expect(seen.toSorted((a, b) => Number(a[0]) - Number(b[0]))).toEqual(
    [0, 10].flatMap((base) => [
      [base + 1, null, { note: 'caf\u{fffd}' }],
      [base + 2, 'café', {}],
      [base + 3, 'cafe', {}],
    ]),
  );
});

/** Virtual generated columns came with 18, and so did publishing stored ones. */
const GENERATED_SINCE = 18;

test.skipIf(inject('sourceMajor') < GENERATED_SINCE)(
  'S112 a stored generated column is there when the publication publishes it, a virtual one never (Postgres 18)',
  async () => {
    await using database = await createSourceDatabase();
    await using view = await KafkaView.open();
    await database.sql(`
    CREATE TABLE lines (id int PRIMARY KEY, price numeric(10,2), pieces int,
      total numeric(12,2) GENERATED ALWAYS AS (price * pieces) STORED,
      half numeric(12,2) GENERATED ALWAYS AS (price / 2) VIRTUAL);
    CREATE PUBLICATION with_generated FOR TABLE lines WITH (publish_generated_columns = stored);
    INSERT INTO lines VALUES (1, 2.50, 4)`);
    await using source = startSource(database, { 'publication-name': 'with_generated' });
    await source.logged(STREAMING);
    await database.sql('INSERT INTO lines VALUES (2, 3, 3)');
    const lines = await view.eventsOnce(`${database.name}.public.lines`, 2);
    expect(
      lines.map(({ op, value }) => [op, value?.['total'], Object.keys(value ?? {}).includes('half')]),
    ).toEqual([
      ['r', { unscaled: 1000n, scale: 2 }, false],
      ['c', { unscaled: 900n, scale: 2 }, false],
    ]);
  },
);

test('S112 a generated column that is not published is missing in snapshot and stream alike', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql(`
    CREATE TABLE lines (id int PRIMARY KEY, pieces int, twice int GENERATED ALWAYS AS (pieces * 2) STORED, note text);
    CREATE PUBLICATION millrace FOR TABLE lines;
    INSERT INTO lines VALUES (1, 4, DEFAULT, 'before')`);
  await using source = startSource(database);
  await source.logged(STREAMING);
  await database.sql("INSERT INTO lines VALUES (2, 3, DEFAULT, 'after')");
  await database.sql("UPDATE lines SET note = 'whole' WHERE id = 1");
  const lines = await view.eventsOnce(`${database.name}.public.lines`, 3);
  expect(
    lines.map(({ op, value }) => [op, value?.['pieces'], value?.['note'], 'twice' in (value ?? {})]),
  ).toEqual([
    ['r', 4, 'before', false],
    ['c', 3, 'after', false],
    ['u', 4, 'whole', false],
  ]);
});

test('S122 the switch and the rules of columns hold from the options to the topic, in a key too', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE offers (until date PRIMARY KEY, since timestamp, price numeric)');
  await database.sql("INSERT INTO offers VALUES ('infinity', '-infinity', 1.5)");
  await using source = startSource(database, {
    tables: 'public.offers',
    'special-values': 'clamp',
    'column-types': 'public.offers.until=string,public.offers.price=decimal(10,2)',
  });
  await source.logged(STREAMING);
  await database.sql("UPDATE offers SET price = 'Infinity'");
  const events = await view.eventsOnce(`${database.name}.public.offers`, 2);
  const since = -62_135_596_800_000_000n;
  expect(events.map(({ key, value }) => [key?.['until'], value?.['since'], value?.['price']])).toEqual([
    ['infinity', since, { unscaled: 150n, scale: 2 }],
    ['infinity', since, { unscaled: 9_999_999_999n, scale: 2 }],
  ]);
});
