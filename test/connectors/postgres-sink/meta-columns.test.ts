import { expect, test } from 'vitest';
import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { metaOfTombstone, withMetaColumns } from '../../../connectors/postgres-sink/meta-columns.ts';
import { describeTable } from '../../../connectors/postgres-sink/target-table.ts';
import { TopicReader } from '../../../connectors/postgres-sink/topic-reader.ts';
import type { AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { debeziumEnvelope } from '../../../schemas/debezium-event.ts';
import { frame } from '../../../schemas/serde/wire-format.ts';

const NAME = { schema: 'public', table: 't' };
const KEY: AvroRecord = { type: 'record', name: 'K', fields: [{ name: 'id', type: 'int' }] };
const headers = Object.entries({ __op: 'd', __lsn: '81985529216486895', __seq: '3', __commit_ts: '-7' }).map(
  ([key, value]) => ({ key, value: Buffer.from(value) }),
);

test('a tombstone says in its headers where it is from; without them, or with others, it says nothing', () => {
  expect(metaOfTombstone(headers)).toEqual({ __lsn: 81_985_529_216_486_895n, __seq: 3n, __commit_ts: -7n });
  expect(metaOfTombstone([])).toBeUndefined();
  expect(metaOfTombstone([{ key: '__lsn', value: Buffer.from('0/1A') }])).toBeUndefined();
});

test('a field with the name of a column of the sink is refused, and only where that column is asked for', () => {
  const value: AvroRecord = { type: 'record', name: 'V', fields: [{ name: '__deleted', type: 'string' }] };
  const table = describeTable(NAME, KEY, value, null);
  const options = { deleteMode: 'hard', metaColumns: true, onTruncate: 'apply' } as const;
  expect(withMetaColumns(table, options).columns.map((column) => column.name)).toEqual([
    'id',
    '__deleted',
    '__lsn',
    '__seq',
    '__commit_ts',
  ]);
  expect(() => withMetaColumns(table, { ...options, deleteMode: 'soft' })).toThrow(
    /the topic of public\.t has a field __deleted/,
  );
});

test("a tombstone's headers count in the row envelope, and not in Debezium's, which counts its own LSNs", async () => {
  const row: AvroRecord = { type: 'record', name: 'Value', fields: [{ name: 'id', type: 'int' }] };
  const tombstone: ConsumerRecord = {
    topic: 't',
    partition: 0,
    offset: 0,
    timestamp: 0,
    key: frame(1, Buffer.from([2])),
    value: null,
    headers,
  };
  const lsnIn = async (value: AvroSchema): Promise<unknown> => {
    const schemas: readonly AvroSchema[] = [KEY, value];
    const registry = {
      register: async () => -1,
      schemaById: async (id: number) => schemas[id - 1] ?? 'null',
      latest: async (subject: string) =>
        subject === 't-key' ? { id: 1, schema: KEY } : { id: 2, schema: value },
    };
    const reader = new TopicReader('t', NAME, registry, true);
    await reader.loadNewest();
    await reader.prepare([tombstone]);
    return reader.decode(tombstone).meta?.['__lsn'];
  };
  expect(await lsnIn(row)).toBe(81_985_529_216_486_895n);
  expect(await lsnIn(debeziumEnvelope('shop.public.t', row))).toBeUndefined();
});
