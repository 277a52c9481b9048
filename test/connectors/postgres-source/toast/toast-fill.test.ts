import { expect, test } from 'vitest';
import { CopyBook, NO_COPIES, newCopy } from '../../../../connectors/postgres-source/copies/copy-state.ts';
import { EndOffsets } from '../../../../connectors/postgres-source/place/end-offsets.ts';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import { RowEncoder } from '../../../../connectors/postgres-source/records/row-encoder.ts';
import {
  type RelationDetails,
  tableSchema,
} from '../../../../connectors/postgres-source/shapes/table-schema.ts';
import { ToastFill } from '../../../../connectors/postgres-source/toast/toast-fill.ts';
import { ToastStore } from '../../../../connectors/postgres-source/toast/toast-store.ts';
import { transactionHead } from '../../../../connectors/postgres-source/changes/transaction-head.ts';
import { CELL } from '../../../../connectors/postgres-source/changes/tuple.ts';
import { silentLog } from '../../../../infra/process/log.ts';
import { compileType } from '../../../../schemas/serde/avro-type.ts';
import { bodyOf } from '../../../../schemas/serde/wire-format.ts';
import { type Cell, UNCHANGED, chunkOf } from '../tuple-data.ts';

const INT4 = 23;
const TEXT = 25;
const OID = 1;
const RELATION: Relation = {
  oid: OID,
  schema: 's',
  table: 't',
  identity: 'd',
  columns: [
    { name: 'id', typeOid: INT4, typmod: -1, inIdentity: true },
    { name: 'n', typeOid: INT4, typmod: -1, inIdentity: false },
    { name: 'big', typeOid: TEXT, typmod: -1, inIdentity: false },
  ],
};
const storageOf = (attribute: number, bytes: number) => ({
  attribute,
  bytes,
  toastable: bytes < 0,
  inline: false,
  growth: 1,
});
const DETAILS: RelationDetails = {
  primaryKey: ['id'],
  columns: RELATION.columns.map(({ typeOid, typmod }) => ({ typeName: '?', base: { oid: typeOid, typmod } })),
  storage: {
    columns: [storageOf(1, 4), storageOf(2, 4), storageOf(3, -1)],
    tupleTargetBytes: null,
    blockBytes: 8192,
  },
};
const BIG = 'x'.repeat(5000);
const HEAD = transactionHead(10n, 0n, 1);

/** A table through which changes go as the stream brings them, up to a batcher that counts. */
function published(copies = new CopyBook({ ...NO_COPIES, copied: [OID] })) {
  const schema = tableSchema(RELATION, DETAILS, undefined, undefined, 'fill');
  const ids = { keySchemaId: 1, valueSchemaId: 2 };
  const encoder = new RowEncoder(schema, { topic: 't', partitions: 1, ...ids, recordBytesMax: 1_000_000 });
  const store = ToastStore.inMemory();
  const misses: unknown[] = [];
  const fill = new ToastFill({
    openStore: () => store,
    ends: new EndOffsets(),
    copies,
    onMiss: () => misses.push(1),
    log: silentLog,
  });
  const batcher = { added: 0 };
  fill.serve(batcher);
  const type = compileType(schema.valueSchema);
  const change = (oldId: string | null, ...cells: Cell[]) => {
    const { source, tuples } = chunkOf(cells, [oldId ?? '0', null, null]);
    const [row, old] = tuples as [(typeof tuples)[0], (typeof tuples)[0]];
    const key = oldId === null ? encoder.goodKey(source, row, null) : encoder.goodKey(source, old, null);
    if (row.kinds.subarray(0, 3).includes(CELL.unchanged)) fill.complete(encoder, OID, key, row);
    if (oldId !== null) {
      fill.noteEnd(encoder, OID, encoder.tombstone(key, HEAD, 1));
      batcher.added++;
    }
    const record = encoder.row('u', source, row, null, HEAD, 1);
    fill.noteRow(encoder, OID, record, row, oldId !== null);
    batcher.added++;
    const value = type.fromBuffer(bodyOf(record.value as Buffer)) as Record<string, unknown>;
    return (value['__unchanged'] as string[]).length > 0 ? 'unknown' : value['big'];
  };
  const remove = (id: string): void => {
    const { source, tuples } = chunkOf([id, null, null]);
    const record = encoder.deletion(source, tuples[0] as (typeof tuples)[0], HEAD, 1);
    fill.noteEnd(encoder, OID, record);
    batcher.added++;
  };
  return { change, remove, fill, store, misses, batcher, copies };
}

test('a value is known as soon as its record is made, and after it is in Kafka', () => {
  const { change, fill, batcher } = published();
  change(null, '1', '1', BIG);
  expect(change(null, '1', '2', UNCHANGED)).toBe(BIG);
  fill.committed(batcher.added, 20n);
  expect(change(null, '1', '3', UNCHANGED)).toBe(BIG);
});

test('only what is in Kafka is in the store', () => {
  const { change, fill, store } = published();
  change(null, '1', '1', BIG);
  change(null, '2', '1', `${BIG}2`);
  const stored = (): number => {
    let count = 0;
    store.eachKey(() => count++);
    return count;
  };
  expect(stored()).toBe(0);
  fill.committed(1, 20n);
  expect([stored(), store.position]).toEqual([1, 20n]);
  // The second is not in Kafka, and is known all the same.
  expect(change(null, '2', '3', UNCHANGED)).toBe(`${BIG}2`);
  fill.committed(1, 30n);
  expect([stored(), store.position]).toEqual([2, 30n]);
  expect(change(null, '2', '4', UNCHANGED)).toBe(`${BIG}2`);
});

test('a key that changes takes the value along, and the old key has none', () => {
  const { change, fill, batcher, misses } = published();
  change(null, '1', '1', BIG);
  fill.committed(batcher.added, 20n);
  expect(change('1', '2', '1', UNCHANGED)).toBe(BIG);
  expect(change('2', '3', '1', UNCHANGED)).toBe(BIG);
  fill.committed(batcher.added, 30n);
  expect(change(null, '3', '2', UNCHANGED)).toBe(BIG);
  expect(misses).toEqual([]);
  expect(change(null, '1', '9', UNCHANGED)).toBe('unknown');
  expect(change(null, '2', '9', UNCHANGED)).toBe('unknown');
  expect(misses).toHaveLength(2);
});

test.each(['nothing', 'the values', 'all'])(
  'a value that went, became null or small is not given again (in Kafka: %s)',
  (committed) => {
    const { change, remove, fill, batcher } = published();
    for (const id of ['1', '2', '3']) change(null, id, '1', BIG);
    if (committed !== 'nothing') fill.committed(batcher.added, 20n);
    remove('1');
    change(null, '2', '2', null);
    change(null, '3', '2', 'small');
    if (committed === 'all') fill.committed(batcher.added - 3, 30n);
    for (const id of ['1', '2', '3']) expect(change(null, id, '3', UNCHANGED)).toBe('unknown');
  },
);

test('a table that is copied has misses without a word, one that nobody copies yet has them all', () => {
  const copying = published(new CopyBook({ ...NO_COPIES, open: [newCopy(OID, true)] }));
  expect(copying.change(null, '1', '1', UNCHANGED)).toBe('unknown');
  expect(copying.misses).toEqual([]);
  copying.change(null, '1', '1', BIG);
  expect(copying.change(null, '1', '2', UNCHANGED)).toBe(BIG);
  copying.copies.keepOnly(new Set());
  expect(copying.change(null, '1', '3', UNCHANGED)).toBe('unknown');
});

test('a table that comes back forgets what it had, in the store and beside it', () => {
  const { change, fill, batcher } = published();
  change(null, '1', '1', BIG);
  fill.committed(batcher.added, 20n);
  change(null, '2', '1', BIG);
  fill.restart(OID, 't', 50n);
  for (const id of ['1', '2']) expect(change(null, id, '2', UNCHANGED)).toBe('unknown');
  change(null, '1', '3', BIG);
  expect(change(null, '1', '4', UNCHANGED)).toBe(BIG);
});
