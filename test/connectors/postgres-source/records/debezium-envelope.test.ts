import { expect, test } from 'vitest';
import { knownColumns } from '../../../../connectors/postgres-source/shapes/column-protection.ts';
import { columnMask } from '../../../../connectors/postgres-source/records/column-mask.ts';
import { DebeziumEnvelope } from '../../../../connectors/postgres-source/records/debezium-envelope.ts';
import { debeziumTable } from '../../../../connectors/postgres-source/records/debezium-schema.ts';
import { DebeziumSource } from '../../../../connectors/postgres-source/records/debezium-source.ts';
import { linkedKeys, tombstoneBehind } from '../../../../connectors/postgres-source/changes/key-change.ts';
import { RowEncoder } from '../../../../connectors/postgres-source/records/row-encoder.ts';
import {
  type ColumnTreatment,
  tableSchema,
} from '../../../../connectors/postgres-source/shapes/table-schema.ts';
import { transactionHead } from '../../../../connectors/postgres-source/changes/transaction-head.ts';
import { isDebeziumEnvelope } from '../../../../schemas/debezium-event.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';
import { bodyOf } from '../../../../schemas/serde/wire-format.ts';
import { manualClock } from '../manual-clock.ts';
import { UNCHANGED, chunkOf } from '../tuple-data.ts';

const INT8 = 20;
const TEXT = 25;
const TEXT_ARRAY = 1009;
const TIMESTAMPTZ = 1184;

const column = (name: string, typeOid: number, inIdentity = false) => ({
  name,
  typeOid,
  typmod: -1,
  inIdentity,
});

const COLUMNS = [
  column('id', INT8, true),
  column('note', TEXT),
  column('paid', TIMESTAMPTZ),
  column('tags', TEXT_ARRAY),
];

function shop(treatmentOf: (name: string) => ColumnTreatment = () => null, tombstones = true) {
  const relation = { oid: 1, schema: 'public', table: 'orders', identity: 'f', columns: COLUMNS } as const;
  const details = {
    primaryKey: ['id'],
    columns: COLUMNS.map(({ typeOid, typmod }) => ({
      typeName: 'some type',
      base:
        typeOid === TEXT_ARRAY
          ? {
              oid: typeOid,
              typmod,
              shape: {
                kind: 'array',
                element: { oid: TEXT, typmod },
                delimiter: ',',
                dimensions: 1,
              } as const,
            }
          : { oid: typeOid, typmod },
    })),
  };
  const schema = debeziumTable(tableSchema(relation, details, treatmentOf), 'my-shop.public.orders');
  const source = new DebeziumSource(
    'my-shop',
    'shopdb',
    Object.assign(manualClock(), { nowMs: 1_700_000_001_000 }),
  );
  const envelope = new DebeziumEnvelope(schema, source, tombstones);
  const target = { topic: 't', partitions: 8, keySchemaId: 7, valueSchemaId: 8, recordBytesMax: 1_000_000 };
  const encoder = new RowEncoder(schema, target, undefined, null, envelope);
  const type = compileType(schema.valueSchema);
  const value = (framed: Buffer | null) =>
    type.fromBuffer(bodyOf(framed as Buffer)) as Record<string, unknown>;
  return { schema, encoder, value };
}

const HEAD = () => transactionHead(0x16_b374d848n, 1_700_000_000_123_456n, 4_294_967_295, 0x16_b374d800n);
const SOURCE = {
  version: 'millrace',
  connector: 'postgresql',
  name: 'my-shop',
  ts_ms: 1_700_000_000_123n,
  snapshot: 'false',
  db: 'shopdb',
  sequence: `["${0x16_b374d800n}","${0x16_b374d848n}"]`,
  ts_us: 1_700_000_000_123_456n,
  ts_ns: 1_700_000_000_123_456_000n,
  schema: 'public',
  table: 'orders',
  txId: 4_294_967_295n,
  lsn: 0x16_b374d848n,
  xmin: null,
  origin: null,
  origin_lsn: null,
};
const ROW = { id: 1n, note: 'a', paid: 1_000_000n, tags: null };
const TEXTS = ['1', 'a', '1970-01-01 00:00:01+00', null];

test('an insert is an event with after, source, op and the times of its processing', () => {
  const { encoder, value, schema } = shop();
  const { source, tuples } = chunkOf(TEXTS);
  expect(value(encoder.row('c', source, tuples[0]!, null, HEAD(), 1).value)).toEqual({
    before: null,
    after: ROW,
    source: SOURCE,
    transaction: null,
    op: 'c',
    ts_ms: 1_700_000_001_000n,
    ts_us: 1_700_000_001_000_000n,
    ts_ns: 1_700_000_001_000_000_000n,
  });
  expect(schema.valueSchema).toMatchObject({ 'connect.name': 'my_shop.public.orders.Envelope' });
  expect(schema.keySchema).toMatchObject({ name: 'Key', namespace: 'my_shop.public.orders' });
  expect(isDebeziumEnvelope(schema.valueSchema)).toBe(true);
});

test('S4 S10 with REPLICA IDENTITY FULL the row before is told; an insert that replaces a key tells none', () => {
  const { encoder, value } = shop();
  const { source, tuples } = chunkOf(['1', 'b', null, null], TEXTS);
  const [row, old] = [tuples[0]!, tuples[1]!];
  const after = { ...ROW, note: 'b', paid: null };
  expect(value(encoder.row('u', source, row, old, HEAD(), 1).value)).toMatchObject({ before: ROW, after });
  expect(value(encoder.row('c', source, row, old, HEAD(), 1).value)).toMatchObject({ before: null, after });
  const deletion = encoder.deletion(source, old, HEAD(), 1);
  expect(value(deletion.value)).toMatchObject({ before: ROW, after: null, op: 'd' });
  const tombstone = tombstoneBehind(encoder, deletion, HEAD(), 1);
  expect(tombstone).toMatchObject({ key: deletion.key, value: null, partition: deletion.partition });
  expect(tombstoneBehind(shop(() => null, false).encoder, deletion, HEAD(), 1)).toBeNull();
});

test('an out-of-line value that was not sent has a placeholder where its type holds a text, and is named', () => {
  const { encoder, value } = shop();
  const { source, tuples } = chunkOf(['1', UNCHANGED, UNCHANGED, UNCHANGED], TEXTS);
  const record = encoder.row('u', source, tuples[0]!, null, HEAD(), 1);
  const text = '__debezium_unavailable_value';
  expect(value(record.value)).toMatchObject({ after: { note: text, paid: null, tags: [text] } });
  expect(record.headers?.map(({ key, value: names }) => `${key} ${names?.toString()}`)).toEqual([
    '__unchanged ["note","paid","tags"]',
  ]);
  const filled = encoder.row('u', source, tuples[0]!, tuples[1]!, HEAD(), 1);
  expect(value(filled.value)).toMatchObject({ before: ROW, after: ROW });
  expect(filled.headers).toEqual([]);
});

test('special values of either image are named apart; a row before that has no key is left out', () => {
  const { encoder, value } = shop();
  const { source, tuples } = chunkOf(
    ['1', 'b', 'infinity', null],
    ['1', 'a', '-infinity', null],
    [null, 'a', null, null],
  );
  const [row, old, keyless] = [tuples[0]!, tuples[1]!, tuples[2]!];
  const record = encoder.row('u', source, row, old, HEAD(), 1);
  expect(String(record.headers?.[0]?.value)).toBe('{"before.paid":"-infinity","paid":"infinity"}');
  expect(value(encoder.row('u', source, row, keyless, HEAD(), 1).value)).toMatchObject({
    before: null,
    op: 'u',
  });
});

test('the policies of columns hold for the row before as for the row after', () => {
  const mask = columnMask({ kind: 'mask' }, undefined);
  const { encoder, value, schema } = shop((name) =>
    name === 'note' ? mask : name === 'paid' ? 'exclude' : null,
  );
  const { source, tuples } = chunkOf(['1', 'b', null, null], TEXTS);
  const event = value(encoder.row('u', source, tuples[0]!, tuples[1]!, HEAD(), 1).value);
  const masked = { id: 1n, note: '****', tags: null };
  expect([event['before'], event['after']]).toEqual([masked, masked]);
  expect(knownColumns(schema.valueSchema).protected).toEqual(['note', 'paid']);
});

test('rows of a snapshot and of a chunk are marked, and are in no counted transaction', () => {
  const { encoder, value } = shop();
  const { source, tuples } = chunkOf(TEXTS);
  const snapshot = transactionHead(5n, 1_000n, 0);
  const chunk = HEAD();
  Object.assign(chunk.change, { totalOrder: 3, tableOrder: 2 });
  const told = [snapshot, snapshot, chunk].map((head) => {
    const event = value(encoder.row('r', source, tuples[0]!, null, head, 1).value);
    const { snapshot: mark, sequence, txId } = event['source'] as typeof SOURCE;
    return [mark, sequence, txId, event['transaction']];
  });
  expect(told).toEqual([
    ['first', '[null,"5"]', null, null],
    ['true', '[null,"5"]', null, null],
    ['incremental', SOURCE.sequence, SOURCE.txId, null],
  ]);
});

test('an event says its own place in the log and in its transaction', () => {
  const { encoder, value } = shop();
  const { source, tuples } = chunkOf(TEXTS);
  const head = HEAD();
  Object.assign(head.change, { lsnHigh: 0x16, lsnLow: 0xf0000000 | 0, totalOrder: 300, tableOrder: 2 });
  const event = value(encoder.row('c', source, tuples[0]!, null, head, 1).value);
  const lsn = 0x16_f0000000n;
  expect(event['source']).toMatchObject({ lsn, sequence: `["${0x16_b374d800n}","${lsn}"]` });
  expect(event['transaction']).toEqual({
    id: `4294967295:${0x16_b374d848n}`,
    total_order: 300n,
    data_collection_order: 2n,
  });
  for (const [i, small] of [0n, 9n, 10n, 99n, 1_000_000n].entries()) {
    const row = encoder.row('c', source, tuples[0]!, null, transactionHead(small, BigInt(i), 1), 1);
    expect(value(row.value)).toMatchObject({ source: { lsn: small, sequence: `[null,"${small}"]` } });
  }
});

test('S107 a truncate is an event of no row and no key', () => {
  const { encoder, value } = shop();
  const record = encoder.truncation(HEAD());
  expect(record).toMatchObject({ key: null, partition: 0 });
  expect(value(record.value)).toMatchObject({ before: null, after: null, op: 't', source: SOURCE });
});

test('S6 either record of a changed key has the other key in a header', () => {
  const { encoder } = shop();
  const { source, tuples } = chunkOf(['2', 'a', null, null], TEXTS);
  const ended = encoder.deletion(source, tuples[1]!, HEAD(), 1);
  const begun = encoder.row('c', source, tuples[0]!, null, HEAD(), 1);
  const linked = linkedKeys(encoder, { ended, begun });
  expect(linked.ended.headers).toEqual([{ key: '__debezium.newkey', value: begun.key }]);
  expect(linked.begun.headers).toEqual([{ key: '__debezium.oldkey', value: ended.key }]);
  const letter = { ...ended, topic: 'p.dlq' };
  expect(linkedKeys(encoder, { ended, begun: letter })).toEqual({ ended, begun: letter });
});

test('many rows of any size share memory, and none writes over another', () => {
  const { encoder, value } = shop();
  const values = Array.from({ length: 1500 }, (_, i) => {
    const text = 'x'.repeat(i * 3);
    const { source, tuples } = chunkOf(
      [String(i), UNCHANGED, null, UNCHANGED],
      [String(i), text, null, '{a}'],
    );
    return encoder.row('u', source, tuples[0]!, tuples[1]!, HEAD(), 1).value;
  });
  for (const [i, bytes] of values.entries()) {
    const row = { id: BigInt(i), note: 'x'.repeat(i * 3), paid: null, tags: ['a'] };
    expect(value(bytes)).toMatchObject({ before: row, after: row, source: SOURCE });
  }
});

test('S40 a transaction that came from elsewhere names its origin, and the next one does not', () => {
  const { encoder, value } = shop();
  const { source, tuples } = chunkOf(TEXTS);
  const head = HEAD();
  head.change.origin = { name: 'berlin', lsn: 77n };
  const told = [head, HEAD()].map((each) => {
    const record = encoder.row('c', source, tuples[0]!, null, each, 1);
    return { value: record.value, headers: record.headers };
  });
  expect(told.map((record) => value(record.value)['source'])).toEqual([
    { ...SOURCE, origin: 'berlin', origin_lsn: 77n },
    SOURCE,
  ]);
  expect(told.map(({ headers }) => headers)).toEqual([
    [{ key: '__origin', value: Buffer.from('berlin') }],
    [],
  ]);
});
