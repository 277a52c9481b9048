import { expect, test } from 'vitest';
import {
  type OutboxShape,
  outboxRow,
  outboxShape,
} from '../../../../connectors/postgres-source/events/outbox-table.ts';
import type { Relation } from '../../../../connectors/postgres-source/changes/relation.ts';
import { type Cell, chunkOf } from '../tuple-data.ts';

const BYTEA = 17;
const JSONB = 3802;
const COLUMNS = {
  id: 'id',
  aggregateType: 'aggregatetype',
  aggregateId: 'aggregateid',
  type: 'type',
  payload: 'payload',
};

function relationOf(...names: readonly string[]): Relation {
  const columns = names.map((name) => ({ name, inIdentity: false, typeOid: 25, typmod: -1 }));
  return { oid: 1, schema: 'public', table: 'outbox', identity: 'd', columns };
}

const DEBEZIUM = relationOf('id', 'aggregatetype', 'aggregateid', 'type', 'payload');

function rowOf(shape: OutboxShape, ...cells: readonly Cell[]): ReturnType<typeof outboxRow> {
  const { source, tuples } = chunkOf(cells);
  const [row] = tuples;
  if (row === undefined) throw new Error('no row');
  return outboxRow(shape, source, row);
}

test("Debezium's columns make an event; JSON goes on as the text that Postgres prints", () => {
  const shape = outboxShape(DEBEZIUM, [25, 25, 25, 25, JSONB], { columns: COLUMNS, headers: [] });
  expect(shape.payloadType).toBe('string');
  const event = rowOf(shape, 'e1', 'order', '7', 'Placed', '{"total": 1.10}');
  expect(event).toEqual({
    aggregateType: 'order',
    aggregateId: Buffer.from('7'),
    payload: Buffer.from('{"total": 1.10}'),
    headers: [
      { key: 'id', value: Buffer.from('e1') },
      { key: 'eventType', value: Buffer.from('Placed') },
    ],
    defect: null,
  });
});

test('a bytea payload goes on as its bytes, and nulls stay nulls', () => {
  const oids = [25, 25, 25, 25, BYTEA];
  const shape = outboxShape(DEBEZIUM, oids, { columns: COLUMNS, headers: [] });
  expect(shape.payloadType).toBe('bytes');
  expect(rowOf(shape, 'e1', 'order', '7', 'Placed', '\\x00ff10').payload).toEqual(
    Buffer.from([0, 0xff, 0x10]),
  );
  expect(rowOf(shape, 'e1', 'order', '7', 'Placed', '\\x').payload).toEqual(Buffer.alloc(0));
  const empty = rowOf(shape, null, null, null, null, null);
  expect([empty.aggregateType, empty.aggregateId, empty.payload]).toEqual([null, null, null]);
});

test('columns may be named otherwise, stand anywhere, and go along as headers', () => {
  const relation = relationOf('body', 'tenant', 'kind', 'event', 'seq', 'ref');
  const columns = {
    id: 'seq',
    aggregateType: 'kind',
    aggregateId: 'ref',
    type: 'event',
    payload: 'body',
  };
  const headers = [{ column: 'tenant', header: 'x-tenant' }];
  const event = rowOf(outboxShape(relation, [], { columns, headers }), 'b', 't1', 'k', 'E', '1', 'r');
  expect([event.aggregateType, event.aggregateId?.toString(), event.payload?.toString()]).toEqual([
    'k',
    'r',
    'b',
  ]);
  expect(event.headers.map(({ key, value }) => `${key}=${String(value)}`)).toEqual([
    'id=1',
    'eventType=E',
    'x-tenant=t1',
  ]);
});

test('columns that are not there are named, all of them', () => {
  const headers = [{ column: 'tenant', header: 'tenant' }];
  const refused = () =>
    outboxShape(relationOf('id', 'aggregatetype', 'aggregateid'), [], { columns: COLUMNS, headers });
  expect(refused).toThrow('public.outbox publishes no column payload, type, tenant');
});
