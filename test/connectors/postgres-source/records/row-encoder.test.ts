import { expect, test } from 'vitest';
import { partitionFor } from '../../../../connectors/kafka/partitioner.ts';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import { RowEncoder } from '../../../../connectors/postgres-source/records/row-encoder.ts';
import {
  type RelationDetails,
  tableSchema,
} from '../../../../connectors/postgres-source/shapes/table-schema.ts';
import { transactionHead } from '../../../../connectors/postgres-source/changes/transaction-head.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';
import { bodyOf, schemaIdOf } from '../../../../schemas/serde/wire-format.ts';
import { UNCHANGED, chunkOf } from '../tuple-data.ts';

const INT8 = 20;
const TEXT = 25;
const TIMESTAMPTZ = 1184;

const column = (name: string, typeOid: number, inIdentity = false) => ({
  name,
  typeOid,
  typmod: -1,
  inIdentity,
});

const ORDERS: Relation = {
  oid: 1,
  schema: 'public',
  table: 'orders',
  identity: 'd',
  columns: [
    column('tenant', TEXT, true),
    column('id', INT8, true),
    column('note', TEXT),
    column('paid', TIMESTAMPTZ),
  ],
};

const details = (relation: Relation, primaryKey: readonly string[]): RelationDetails => ({
  primaryKey,
  columns: relation.columns.map(({ typeOid, typmod }) => ({
    typeName: 'some type',
    base: { oid: typeOid, typmod },
  })),
});

function encoderOf(relation: Relation, primaryKey: readonly string[]) {
  const schema = tableSchema(relation, details(relation, primaryKey));
  const keySchemaId = schema.keySchema === null ? null : 7;
  const ids = { keySchemaId, valueSchemaId: 8 };
  const encoder = new RowEncoder(schema, { topic: 't', partitions: 8, ...ids, recordBytesMax: 1_000_000 });
  const valueType = compileType(schema.valueSchema);
  const value = (framed: Buffer | null): unknown => valueType.fromBuffer(bodyOf(framed as Buffer));
  const key = (framed: Buffer | null): unknown =>
    compileType(schema.keySchema ?? 'null').fromBuffer(bodyOf(framed as Buffer));
  return { schema, encoder, value, key };
}

const HEAD = transactionHead(0x16_b374d848n, 1_700_000_000_123_456n, 4_294_967_295);
const ENVELOPE = {
  __op: 'c',
  __commit_ts: 1_700_000_000_123_456n,
  __lsn: 0x16_b374d848n,
  __seq: 3n,
  __xid: 4_294_967_295n,
  __unchanged: [],
};

test('a row is the columns and the envelope; its key is in the order of the primary key', () => {
  const { encoder, value, key } = encoderOf(ORDERS, ['id', 'tenant']);
  const { source, tuples } = chunkOf(['acme', '42', null, '1970-01-01 00:00:01+00']);
  const record = encoder.row('c', source, tuples[0]!, null, HEAD, 3);
  expect(value(record.value)).toEqual({ tenant: 'acme', id: 42n, note: null, paid: 1_000_000n, ...ENVELOPE });
  expect(key(record.key)).toEqual({ id: 42n, tenant: 'acme' });
  expect([schemaIdOf(record.key!), schemaIdOf(record.value!)]).toEqual([7, 8]);
  expect(record).toMatchObject({ topic: 't', timestamp: 1_700_000_000_123 });
  expect(record.partition).toBe(partitionFor(bodyOf(record.key!), 8));
});

test('a TOAST value that was not sent is null and named; with REPLICA IDENTITY FULL it is taken from the old row', () => {
  const { encoder, value } = encoderOf(ORDERS, ['tenant', 'id']);
  const { source, tuples } = chunkOf(['acme', '42', UNCHANGED, null], ['acme', '42', 'the long text', null]);
  const marked = encoder.row('u', source, tuples[0]!, null, HEAD, 3);
  expect(value(marked.value)).toMatchObject({ note: null, __op: 'u', __unchanged: ['note'] });
  const filled = encoder.row('u', source, tuples[0]!, tuples[1]!, HEAD, 3);
  expect(value(filled.value)).toMatchObject({ note: 'the long text', __unchanged: [] });
});

test('infinity has no Avro value: null, and a header that tells', () => {
  const { encoder, value } = encoderOf(ORDERS, ['tenant', 'id']);
  const { source, tuples } = chunkOf(['acme', '42', 'x', 'infinity'], ['acme', '43', 'x', null]);
  const record = encoder.row('c', source, tuples[0]!, null, HEAD, 3);
  expect(value(record.value)).toMatchObject({ paid: null });
  expect(record.headers).toEqual([{ key: 'pg.special', value: Buffer.from('{"paid":"infinity"}') }]);
  expect(encoder.row('c', source, tuples[1]!, null, HEAD, 4).headers).toEqual([]);
});

test('a key without an Avro value is refused', () => {
  const relation = { ...ORDERS, columns: [column('paid', TIMESTAMPTZ, true)] };
  const { encoder } = encoderOf(relation, ['paid']);
  const { source, tuples } = chunkOf(['infinity'], [null]);
  const refused = expect.objectContaining({ code: 'source.key_special', order: 'stop' });
  for (const tuple of tuples) expect(() => encoder.row('c', source, tuple, null, HEAD, 1)).toThrow(refused);
});

test('a tombstone carries the facts of the deletion as headers', () => {
  const { encoder, key } = encoderOf(ORDERS, ['tenant', 'id']);
  const { source, tuples } = chunkOf(['acme', '42', null, null]);
  const record = encoder.tombstone(encoder.key(source, tuples[0]!, null), HEAD, 9);
  expect(record.value).toBeNull();
  expect(key(record.key)).toEqual({ tenant: 'acme', id: 42n });
  expect(record.headers?.map((header) => `${header.key}=${header.value?.toString()}`)).toEqual([
    '__op=d',
    '__commit_ts=1700000000123456',
    `__lsn=${0x16_b374d848n}`,
    '__seq=9',
  ]);
});

test('many rows share memory, and none writes over another', () => {
  const { encoder, value } = encoderOf(ORDERS, ['tenant', 'id']);
  const values = Array.from({ length: 3000 }, (_, i) => {
    const { source, tuples } = chunkOf(['acme', String(i), 'x'.repeat(i), null]);
    return encoder.row('c', source, tuples[0]!, null, HEAD, 3).value;
  });
  for (const [i, bytes] of values.entries())
    expect(value(bytes)).toMatchObject({ id: BigInt(i), note: 'x'.repeat(i) });
});

test('a row with another number of columns than its relation is refused', () => {
  const { encoder } = encoderOf(ORDERS, ['tenant', 'id']);
  const { source, tuples } = chunkOf(['acme', '42']);
  const refused = expect.objectContaining({ code: 'source.row_shape' });
  expect(() => encoder.row('c', source, tuples[0]!, null, HEAD, 1)).toThrow(refused);
});

test('names that Avro does not allow are replaced, told apart, and kept as a property', () => {
  const relation = {
    ...ORDERS,
    columns: [
      column('a b', TEXT),
      column('a_b', TEXT, true),
      column('a-b', TEXT),
      column('1st', TEXT),
      column('__op', TEXT),
    ],
  };
  const { schema } = encoderOf(relation, ['a_b']);
  const fields = schema.valueSchema.fields
    .slice(0, 5)
    .map((field) => [field.name, Reflect.get(field, 'pg.name')]);
  expect(fields).toEqual([
    ['a_b_2', 'a b'],
    ['a_b', undefined],
    ['a_b_3', 'a-b'],
    ['_1st', '1st'],
    ['__op_2', '__op'],
  ]);
  expect(() => compileType(schema.valueSchema)).not.toThrow();
});

test.each<[Relation['identity'], boolean[], string[], string[]]>([
  ['d', [true, true], ['id', 'tenant'], ['id', 'tenant']],
  ['f', [true, true], ['id'], ['id']],
  ['f', [true, true], [], []],
  ['i', [true, false], ['id'], ['tenant']],
  ['n', [false, false], ['id'], ['id']],
  ['n', [false, false], [], []],
])('identity %s with flags %j and primary key %j: the key is %j', (identity, flags, primaryKey, key) => {
  const columns = [column('tenant', TEXT, flags[0]), column('id', INT8, flags[1])];
  const { schema } = encoderOf({ ...ORDERS, identity, columns }, primaryKey);
  expect(schema.keySchema?.fields.map((field) => field.name) ?? []).toEqual(key);
});

test('a table without a key goes to one partition with null keys', () => {
  const { encoder } = encoderOf({ ...ORDERS, identity: 'f' }, []);
  const { source, tuples } = chunkOf(['acme', '42', null, null]);
  expect(encoder.row('c', source, tuples[0]!, null, HEAD, 1)).toMatchObject({ key: null, partition: 0 });
});
