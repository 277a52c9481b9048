import { expect, test } from 'vitest';
import type { OutboxEvent } from '../../../../connectors/postgres-source/events/outbox-event.ts';
import { outboxMessage } from '../../../../connectors/postgres-source/events/outbox-message.ts';

const COLUMNS = {
  id: 'id',
  aggregateType: 'aggregatetype',
  aggregateId: 'aggregateid',
  type: 'type',
  payload: 'payload',
};

function read(json: string): OutboxEvent {
  const headers = [{ column: 'tenant', header: 'tenant-id' }];
  return outboxMessage(Buffer.from(json), { columns: COLUMNS, headers });
}

const text = (bytes: Buffer | null | undefined): string | null => bytes?.toString('utf8') ?? null;

test('members are named as the columns of an outbox table, and the payload stays as it was written', () => {
  const event = read(
    '{"id":9007199254740993,"aggregatetype":"order","aggregateid":"ü1","type":"Placed","payload":{"n":1.10},"tenant":7}',
  );
  expect(event.aggregateType).toBe('order');
  expect(text(event.aggregateId)).toBe('ü1');
  expect(text(event.payload)).toBe('{"n":1.10}');
  expect(event.headers.map(({ key, value }) => [key, text(value)])).toEqual([
    ['id', '9007199254740993'],
    ['eventType', 'Placed'],
    ['tenant-id', '7'],
  ]);
  expect(event.defect).toBeNull();
});

test('a payload that is a JSON string keeps its quotes, as a jsonb column prints it', () => {
  expect(text(read('{"payload":"a\\nb"}').payload)).toBe('"a\\nb"');
});

test('what is null or not there is null', () => {
  for (const json of ['{}', '{"aggregatetype":null,"aggregateid":null,"payload":null}']) {
    const event = read(json);
    expect([event.aggregateType, event.aggregateId, event.payload]).toEqual([null, null, null]);
    expect(event.headers.map(({ value }) => value)).toEqual([null, null, null]);
  }
});

test('a name that every object has is no member', () => {
  const headers = [{ column: 'toString', header: 'x' }];
  const event = outboxMessage(Buffer.from('{}'), { columns: COLUMNS, headers });
  expect(event.headers.at(-1)).toEqual({ key: 'x', value: null });
});

test('what is no JSON object is kept whole, with the reason', () => {
  for (const json of ['', '[1]', 'null', '"x"', '{"a"', '\u0000']) {
    const event = read(json);
    expect(event.defect).toBe('the message is no JSON object');
    expect(text(event.payload)).toBe(json);
    expect(event.aggregateType).toBeNull();
  }
});
