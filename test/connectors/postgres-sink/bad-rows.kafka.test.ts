import { expect, test } from 'vitest';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';
import { type SinkFixture, KEY, createSinkFixture } from './sink-fixture.ts';
import type { Entry, TopicWriter } from './topic-writer.ts';

const POLL = { interval: 20, timeout: 30_000 };
const NAMED: AvroRecord = {
  type: 'record',
  name: 'Value',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'version', type: 'int' },
    { name: 'name', type: ['null', 'string'], default: null },
  ],
};
const TABLE = `CREATE TABLE t (id integer PRIMARY KEY, version integer CONSTRAINT small CHECK (version < 100),
  name text NOT NULL UNIQUE)`;

const row = (id: number, version: number, name: string | null = `n${id}`): Entry => [
  { id },
  { id, version, name },
];

async function topicAndTable(): Promise<{ fixture: SinkFixture; writer: TopicWriter }> {
  const fixture = await createSinkFixture();
  await fixture.target.client.query(TABLE);
  return { fixture, writer: await fixture.writer('t', 1, { key: KEY, value: NAMED }) };
}

test('bad rows go to the dead-letter table with their reason, and the rest of the batch to its table', async () => {
  const { fixture, writer } = await topicAndTable();
  // 40 to 42 give each other their names in an order that the sorted batch does not have
  await writer.write([
    ...[...Array(40).keys()].map((id) => row(id, 1)),
    ...[40, 41, 42].map((id) => row(id, 1)),
  ]);
  const first = await fixture.start(['t']);
  await expect.poll(() => fixture.target.rows('SELECT count(*) FROM t'), POLL).toEqual([['43']]);
  await first.stop();
  await writer.write([
    row(1, 2),
    row(2, 2),
    row(2, 100),
    row(3, 2, null),
    row(4, 2, String.raw`nul \u0000 is not ` + '\u0000'),
    row(5, 100),
    row(5, 3),
    row(42, 2, 'free'),
    row(41, 2, 'n42'),
    row(40, 2, 'n41'),
    ...[20, 21, 22, 23].map((id) => row(id, 2)),
    [{ id: 24 }, null],
  ]);
  await writer.writeRaw(Buffer.from('no frame'), Buffer.from('no frame'));
  await writer.writeRaw(
    frame(2 ** 31 - 1, Buffer.from('key')),
    frame(2 ** 31 - 1, Buffer.from('of no schema')),
  );
  await writer.write([row(25, 2)]);
  const sink = await fixture.start(['t'], { deadLetters: { perBatchMax: 10, totalMax: 10 } });
  await expect
    .poll(() => fixture.target.rows('SELECT id, version, name FROM t WHERE version > 1 ORDER BY id'), POLL)
    .toEqual([
      ['1', '2', 'n1'],
      ['2', '2', 'n2'],
      ['5', '3', 'n5'],
      ...[20, 21, 22, 23, 25].map((id) => [String(id), '2', `n${id}`]),
      ['40', '2', 'n41'],
      ['41', '2', 'n42'],
      ['42', '2', 'free'],
    ]);
  expect(await fixture.target.rows('SELECT count(*) FROM t')).toEqual([['42']]);
  const letters = await fixture.target.rows(
    `SELECT key_json->>'id', value_json->>'version', sqlstate, constraint_name, column_name, table_schema || '.' || table_name,
       length(key), value_json->>'name' FROM millrace.dead_letters ORDER BY "offset"`,
  );
  expect(letters).toEqual([
    ['2', '100', '23514', 'small', null, 'public.t', '6', 'n2'],
    ['3', '2', '23502', null, 'name', 'public.t', '6', null],
    ['4', '2', '22021', null, null, 'public.t', '6', String.raw`nul \u0000 is not ` + '\uFFFD'],
    [null, null, null, null, null, 'public.t', '8', null],
    [null, null, null, null, null, 'public.t', '8', null],
  ]);
  expect(await sink.metrics.text()).toContain('millrace_dlq_records_total{table="public.t"} 5');
  await sink.stop();
});

test('more bad rows than a batch or the table of them may have stop the sink, and nothing of the batch is kept', async () => {
  const { fixture, writer } = await topicAndTable();
  await writer.write([row(1, 100), row(2, 100), row(3, 1)]);
  const narrow = await fixture.start(['t'], { deadLetters: { perBatchMax: 1, totalMax: 10 } });
  await expect(narrow.ended).rejects.toMatchObject({
    code: 'sink.too_many_bad_rows',
    message: expect.stringContaining('public.t refuses more than 1 rows of one batch'),
  });
  const full = await fixture.start(['t'], { deadLetters: { perBatchMax: 10, totalMax: 1 } });
  await expect(full.ended).rejects.toMatchObject({
    code: 'sink.too_many_bad_rows',
    message: expect.stringContaining('has more than 1 records in millrace.dead_letters'),
  });
  expect(
    await fixture.target.rows(
      'SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM millrace.dead_letters)',
    ),
  ).toEqual([['0', '0']]);
});
