import { expect, test } from 'vitest';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { UNAVAILABLE_VALUE, debeziumEnvelope } from '../../../schemas/debezium-event.ts';
import { STREAM_CONFIG } from '../../../schemas/topic.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../../connectors/postgres-sink/table-options.ts';
import { KEY, createSinkFixture } from './sink-fixture.ts';
import type { Entry } from './topic-writer.ts';

const POLL = { interval: 20, timeout: 30_000 };
const ROW: AvroRecord = {
  type: 'record',
  name: 'Value',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'v', type: ['null', 'int'], default: null },
    { name: 'big', type: ['null', 'string'], default: null },
  ],
};

interface Image {
  readonly id: number;
  readonly v: number;
  readonly big: string | null;
}

const event = (op: string, lsn: bigint, before: Image | null, after: Image | null): object => ({
  before,
  after,
  op,
  transaction: null,
  ts_ms: null,
  ts_us: null,
  ts_ns: null,
  source: {
    version: '3.0',
    connector: 'postgresql',
    name: 'shop',
    ts_ms: 5n,
    snapshot: 'false',
    db: 'shop',
    sequence: null,
    ts_us: null,
    ts_ns: null,
    schema: 'public',
    table: 't',
    txId: null,
    lsn,
    xmin: null,
    origin: null,
    origin_lsn: null,
  },
});
const put = (op: string, lsn: bigint, id: number, v: number, big: string | null = 'b'): Entry => [
  { id },
  event(op, lsn, null, { id, v, big }),
];
const end = (lsn: bigint, id: number): readonly Entry[] => [
  [{ id }, event('d', lsn, { id, v: 0, big: null }, null)],
  [{ id }, null],
];

test("Debezium's events fill the table: deletions, values that were not sent, truncates and late events included", async () => {
  const fixture = await createSinkFixture();
  const schemas = { key: KEY, value: debeziumEnvelope('shop.public.t', ROW) };
  const writer = await fixture.writer('t', 1, schemas, STREAM_CONFIG);
  await writer.write([put('r', 50n, 1, 1), put('r', 50n, 2, 1), put('r', 50n, 3, 1)]);
  const tableOptions = { ...DEFAULT_TABLE_OPTIONS, metaColumns: true };
  const sink = await fixture.start(['t'], { tableOptions });
  const rows = (): Promise<unknown[][]> =>
    fixture.target.rows('SELECT id, v, big, __lsn FROM t ORDER BY id').catch(() => []);
  await expect.poll(rows, POLL).toEqual(['1', '2', '3'].map((id) => [id, '1', 'b', null]));
  // the change of a transaction that a snapshot did not see may lie before the snapshot
  await writer.write([put('u', 40n, 1, 2, UNAVAILABLE_VALUE), ...end(60n, 2), put('u', 70n, 3, 2, null)]);
  const changed = [
    ['1', '2', 'b', '0/28'],
    ['3', '2', null, '0/46'],
  ];
  await expect.poll(rows, POLL).toEqual(changed);
  await writer.write([put('u', 65n, 3, 0)]);
  await writer.write([put('c', 80n, 4, 1)]);
  await expect.poll(rows, POLL).toEqual([...changed, ['4', '1', 'b', '0/50']]);
  expect(await sink.metrics.text()).toContain('millrace_sink_rows_total{table="public.t",op="late"} 1');
  await writer.writeValue(event('t', 90n, null, null));
  await writer.write([put('c', 95n, 5, 1)]);
  await expect.poll(rows, POLL).toEqual([['5', '1', 'b', '0/5F']]);
  await sink.stop();
});

test('a truncate among several partitions stops the sink: nothing says which rows came before it', async () => {
  const fixture = await createSinkFixture();
  const schemas = { key: KEY, value: debeziumEnvelope('shop.public.t', ROW) };
  const writer = await fixture.writer('t', 2, schemas, STREAM_CONFIG);
  await writer.write([put('c', 50n, 1, 1)]);
  await writer.writeValue(event('t', 90n, null, null));
  const sink = await fixture.start(['t']);
  await expect(sink.ended).rejects.toMatchObject({ code: 'sink.truncate_unordered' });
});
