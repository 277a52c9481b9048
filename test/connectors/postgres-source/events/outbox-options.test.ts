import { expect, test } from 'vitest';
import { FILTER_OPTIONS } from '../../../../connectors/postgres-source/shapes/filter-options.ts';
import {
  type EventOptions,
  OUTBOX_OPTIONS,
  eventOptions,
} from '../../../../connectors/postgres-source/events/outbox-options.ts';
import { aggregateTopic, listedTopics } from '../../../../connectors/postgres-source/events/outbox-route.ts';
import { parseOptions } from '../../../../infra/process/options.ts';

function read(...argv: readonly string[]): EventOptions {
  const parsed = parseOptions('source', { ...OUTBOX_OPTIONS, ...FILTER_OPTIONS }, argv, {});
  if (parsed.kind === 'help') throw new Error(parsed.text);
  return eventOptions(parsed.options);
}

test('without options nothing is routed and no message is published', () => {
  expect(read()).toEqual({ outbox: null, messages: null });
});

test("the defaults are Debezium's columns, and unknown types set aside", () => {
  const { outbox } = read('--outbox-table', 'public.outbox', '--outbox-aggregate-types', 'order, customer');
  expect(outbox).toEqual({
    table: 'public.outbox',
    aggregateTypes: ['order', 'customer'],
    unknownType: 'unrouted',
    topic: null,
    columns: {
      id: 'id',
      aggregateType: 'aggregatetype',
      aggregateId: 'aggregateid',
      type: 'type',
      payload: 'payload',
    },
    headers: [],
    onUpdate: 'warn',
    messagePrefix: 'outbox',
  });
});

test('columns, headers and topics may be named', () => {
  const { outbox } = read(
    '--outbox-unknown-type',
    'create',
    '--outbox-topic',
    'events.${routedByValue}.v1',
    '--outbox-columns',
    'id=event_id,aggregatetype=kind',
    '--outbox-headers',
    'tenant, trace:traceparent',
  );
  expect(outbox?.columns).toMatchObject({
    id: 'event_id',
    aggregateType: 'kind',
    aggregateId: 'aggregateid',
  });
  expect(outbox?.headers).toEqual([
    { column: 'tenant', header: 'tenant' },
    { column: 'trace', header: 'traceparent' },
  ]);
  expect(outbox !== null && aggregateTopic(outbox, 'shop', '$&')).toBe('events.$&.v1');
});

test('a table whose events have no topic is refused, and so are broken options', () => {
  expect(() => read('--outbox-table', 'public.outbox')).toThrow('nothing says which events');
  expect(() => read('--outbox-topic', 'events')).toThrow('${routedByValue} is expected');
  expect(() => read('--outbox-columns', 'key=k')).toThrow('key=k is not one of');
  expect(() => read('--outbox-columns', 'toString=k')).toThrow('toString=k is not one of');
  expect(() => read('--message-prefix-include', '(')).toThrow('( is no regular expression');
});

test('columns of the outbox that are to be masked are refused: an event goes out as it was written', () => {
  const outbox = ['--outbox-table', 'public.outbox', '--outbox-aggregate-types', 'order'];
  expect(() =>
    read(...outbox, '--column-policies', '.*payload=mask', '--column-exclude-list', '.*type'),
  ).toThrow('public.outbox are excluded or masked: aggregatetype, type, payload');
  expect(() => read(...outbox, '--column-exclude-list', 'public\\.orders\\..*')).not.toThrow();
  expect(() => read(...outbox, '--column-policies', '.*payload=keep')).not.toThrow();
});

test('an aggregate type gets no topic that is no name, or that belongs to somebody', () => {
  const { outbox } = read('--outbox-aggregate-types', 'order', '--outbox-topic', '${routedByValue}');
  if (outbox === null) throw new Error('an outbox is expected');
  expect([...listedTopics(outbox, 'p', new Map())]).toEqual([['order', 'order']]);
  expect(() => listedTopics(outbox, 'p', new Map([['order', 'table a.b']]))).toThrow(
    'topic order belongs to table a.b',
  );
  expect(() => listedTopics({ ...outbox, aggregateTypes: ['a b'] }, 'p', new Map())).toThrow(
    'a b is no name for a topic',
  );
});

test('S116 a pattern stands for the whole prefix; what is excluded, or our own, is not published', () => {
  const { messages } = read(
    '--message-prefix-include',
    'app\\..*,audit',
    '--message-prefix-exclude',
    'app\\.debug',
  );
  const taken = ['app.a', 'app.debug', 'audit', 'audit2', 'my.app.a'].filter((prefix) => messages?.(prefix));
  expect(taken).toEqual(['app.a', 'audit']);
  const all = read('--message-prefix-include', '.*').messages;
  expect(['millrace', 'millrace.probe', 'millraces', ''].map((prefix) => all?.(prefix))).toEqual([
    false,
    false,
    true,
    true,
  ]);
});
