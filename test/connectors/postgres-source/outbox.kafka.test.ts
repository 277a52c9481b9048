import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { bodyOf, schemaIdOf } from '../../../schemas/serde/wire-format.ts';
import { type Event, KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';

const STREAMING = '"msg":"streaming"';
const OUTBOX = {
  tables: 'public.orders',
  'outbox-table': 'public.outbox',
  'outbox-aggregate-types': 'order,customer',
};

/** An orders table and an outbox with Debezium's columns. */
async function withOutbox(payloadType = 'jsonb'): Promise<SourceDatabase> {
  const database = await createSourceDatabase();
  await database.sql(
    `CREATE TABLE orders (id bigint PRIMARY KEY, note text);
     CREATE TABLE outbox (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), aggregatetype text, aggregateid text,
       type text, payload ${payloadType}, tenant text)`,
  );
  return database;
}

const eventTopic = (database: SourceDatabase, type: string): string =>
  `${database.name}.outbox.event.${type}`;

function insert(type: string | null, id: string | null, payload: string | null, what = 'Placed'): string {
  const text = (value: string | null): string => (value === null ? 'NULL' : `'${value}'`);
  const values = [type, id, what, payload].map(text).join(', ');
  return `INSERT INTO outbox (aggregatetype, aggregateid, type, payload) VALUES (${values})`;
}

/** Avro's `string` and `bytes`: a length, then the bytes. Read by hand: nothing of ours takes part. */
function avroText(framed: Buffer | null): string | null {
  if (framed === null) return null;
  const body = bodyOf(framed);
  let length = 0;
  let at = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = body[at++] as number;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  expect(body.length).toBe(at + length / 2);
  return body.toString('utf8', at);
}

const headerOf = (record: ConsumerRecord, key: string): string | undefined =>
  record.headers.find((header) => header.key === key)?.value?.toString('utf8');

const told = ({ record }: Event): unknown[] => [avroText(record.key), avroText(record.value)];

async function topicNames(database: SourceDatabase, view: KafkaView, names: string[]): Promise<string[]> {
  const there: string[] = [];
  for (const name of names) {
    const topic = `${database.name}.${name}`;
    const count = await view.kafka.partitionCount(topic).catch(() => 0);
    if (count > 0) there.push(name);
  }
  return there;
}

test('an event and its row, written in one transaction, become readable together; the outbox itself is no table', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  await using source = startSource(database, { ...OUTBOX, 'outbox-headers': 'tenant:x-tenant' });
  await source.logged(STREAMING);
  await database.sql(`BEGIN; INSERT INTO orders VALUES (7, 'new');
    INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, tenant)
      VALUES ('4d47e190-0402-4048-bc2c-89dd54343cdc', 'order', '7', 'Placed', '{"total": 12345678901234567890.10}', 'acme');
    DELETE FROM outbox; COMMIT`);
  await database.sql(`BEGIN; ${insert('order', '8', '{"rolled": "back"}')}; ROLLBACK`);
  await database.sql(insert('customer', '1', '"plain"'));
  const [event] = await view.eventsOnce(eventTopic(database, 'order'), 1);
  if (event === undefined) throw new Error('an event is expected');
  expect(told(event)).toEqual(['7', '{"total": 12345678901234567890.10}']);
  expect(headerOf(event.record, 'id')).toBe('4d47e190-0402-4048-bc2c-89dd54343cdc');
  expect(headerOf(event.record, 'eventType')).toBe('Placed');
  expect(headerOf(event.record, 'x-tenant')).toBe('acme');
  const [row] = await view.eventsOnce(`${database.name}.public.orders`, 1);
  expect(headerOf(event.record, '__lsn')).toBe(String(row?.value?.['__lsn']));
  expect([headerOf(event.record, '__seq'), row?.value?.['__seq']]).toEqual(['2', 1n]);
  expect(event.record.timestamp).toBe(row?.record.timestamp);
  const [customer] = await view.eventsOnce(eventTopic(database, 'customer'), 1);
  expect(customer !== undefined && told(customer)).toEqual(['1', '"plain"']);
  expect(await view.events(eventTopic(database, 'order'))).toHaveLength(1);
  expect(await topicNames(database, view, ['public.outbox', 'public.orders'])).toEqual(['public.orders']);
  expect((await source.get('/metrics')).body).toContain(
    `millrace_events_routed_total{topic="${eventTopic(database, 'order')}"} 1`,
  );
  expect(await source.end('SIGTERM')).toBe(0);
});

test('events of one aggregate keep their order, under a key that any Avro reader understands', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  await using source = startSource(database, OUTBOX);
  await source.logged(STREAMING);
  for (let i = 0; i < 5; i++)
    await database.sql(`BEGIN; ${insert('order', 'a', `${i}`)}; ${insert('order', 'b', `${i}`)}; COMMIT`);
  const events = await view.eventsOnce(eventTopic(database, 'order'), 10);
  for (const key of ['a', 'b']) {
    const mine = events.filter((event) => (event.key as unknown) === key);
    expect(mine.map(({ value }) => value as unknown)).toEqual(['0', '1', '2', '3', '4']);
    expect(new Set(mine.map(({ record }) => record.partition)).size).toBe(1);
    const offsets = mine.map(({ record }) => record.offset);
    expect(offsets).toEqual(offsets.toSorted((x, y) => x - y));
  }
});

test('bytea payloads stay bytes; no payload is a null value; no aggregate id is no key', async () => {
  await using database = await withOutbox('bytea');
  await using view = await KafkaView.open();
  await using source = startSource(database, OUTBOX);
  await source.logged(STREAMING);
  await database.sql(insert('order', '1', '\\x00ff7f'));
  await database.sql(insert('order', '2', null));
  await database.sql(insert('order', null, '\\x'));
  const events = await view.eventsOnce(eventTopic(database, 'order'), 3);
  expect(events.map(({ key, value }) => [key, value] as unknown)).toEqual([
    ['1', Buffer.from([0, 0xff, 0x7f])],
    ['2', null],
    [null, Buffer.alloc(0)],
  ]);
});

test('rows that were in the outbox before the first start are no events, and updates are counted, not published', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  await database.sql(insert('order', 'old', '1'));
  await using source = startSource(database, { ...OUTBOX, 'table-exclude-list': 'public\\.outbox' });
  await source.logged(STREAMING);
  await database.sql("UPDATE outbox SET payload = '2'");
  await database.sql(insert('order', 'new', '3'));
  const events = await view.eventsOnce(eventTopic(database, 'order'), 1);
  expect(events.map(told)).toEqual([['new', '3']]);
  expect((await source.get('/metrics')).body).toContain(
    'millrace_events_dropped_total{reason="outbox_update"} 1',
  );
  expect(source.log()).toContain('an update in the outbox table is no event');
  await database.sql('TRUNCATE outbox; ALTER TABLE outbox ADD COLUMN later int');
  await database.sql(insert('order', 'last', '4'));
  expect((await view.eventsOnce(eventTopic(database, 'order'), 2)).map(told).at(-1)).toEqual(['last', '4']);
});

test('an update of the outbox ends the source where that is asked for', async () => {
  await using database = await withOutbox();
  await using source = startSource(database, { ...OUTBOX, 'outbox-on-update': 'stop' });
  await source.logged(STREAMING);
  await database.sql(insert('order', '1', '1'));
  await database.sql("UPDATE outbox SET payload = '2'");
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('source.outbox_update');
});

test('an event of an unknown aggregate type makes no topic: it is set aside whole, with the reason', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  await using source = startSource(database, OUTBOX);
  await source.logged(STREAMING);
  await database.sql(`BEGIN; ${insert('ordr', '9', '{"a": 1}', 'Lost')}; ${insert(null, '10', '2')}; COMMIT`);
  await database.sql(insert('order', '1', '1'));
  const aside = await view.eventsOnce(`${database.name}.outbox.unrouted`, 2);
  expect(aside.map(told)).toEqual([
    ['9', '{"a": 1}'],
    ['10', '2'],
  ]);
  const header = (key: string): (string | undefined)[] => aside.map(({ record }) => headerOf(record, key));
  expect(header('__connect.errors.exception.message')).toEqual([
    'aggregate type ordr is not in the list of aggregate types',
    'the event has no aggregate type',
  ]);
  expect(header('aggregatetype')).toEqual(['ordr', undefined]);
  expect(header('eventType')).toEqual(['Lost', 'Placed']);
  await view.eventsOnce(eventTopic(database, 'order'), 1);
  expect(await topicNames(database, view, ['outbox.event.order', 'outbox.event.ordr'])).toEqual([
    'outbox.event.order',
  ]);
});

test('an unknown aggregate type stops the source before the event where that is asked for, and nothing is lost', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  await using source = startSource(database, { ...OUTBOX, 'outbox-unknown-type': 'stop' });
  await source.logged(STREAMING);
  await database.sql(insert('invoice', '1', '1'));
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('source.outbox_unroutable');
  await using second = startSource(database, { ...OUTBOX, 'outbox-aggregate-types': 'order,invoice' });
  await second.logged(STREAMING);
  const events = await view.eventsOnce(eventTopic(database, 'invoice'), 1);
  expect(events.map(told)).toEqual([['1', '1']]);
});

test('topics of new aggregate types come as they are needed where that is asked for, within one transaction too', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  const flags = {
    'outbox-table': 'public.outbox',
    'outbox-unknown-type': 'create',
    'outbox-topic': `${database.name}-\${routedByValue}-v1`,
    tables: 'public.orders',
  };
  await using source = startSource(database, flags);
  await source.logged(STREAMING);
  await database.sql(
    `BEGIN; INSERT INTO orders VALUES (1, 'a'); ${insert('order', '1', '1')}; ${insert('invoice', '2', '2')};
     ${insert('no topic name', '3', '3')}; ${insert('order', '4', '4')};
     SELECT pg_logical_emit_message(true, 'outbox', '{"aggregatetype": "refund", "aggregateid": "5", "payload": 5}');
     INSERT INTO orders VALUES (2, 'b'); COMMIT`,
  );
  const seqs = async (topic: string, count: number): Promise<unknown[]> => {
    await view.kafka.waitForTopics([topic], new AbortController().signal);
    return (await view.eventsOnce(topic, count)).map(
      ({ record, value }) => headerOf(record, '__seq') ?? String(value?.['__seq']),
    );
  };
  expect(await seqs(`${database.name}-order-v1`, 2)).toEqual(['2', '5']);
  expect(await seqs(`${database.name}-invoice-v1`, 1)).toEqual(['3']);
  expect(await seqs(`${database.name}.outbox.unrouted`, 1)).toEqual(['4']);
  expect(await seqs(`${database.name}-refund-v1`, 1)).toEqual(['6']);
  expect(await seqs(`${database.name}.public.orders`, 2)).toEqual(['1', '7']);
});

test('a kill between the commit in Kafka and the acknowledgement doubles no event', async () => {
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  await using relay = await openPostgresRelay(database.url);
  // The server never hears a status frame: CopyData of 38 bytes with 'r'.
  relay.filterClient = (chunk) => (chunk[0] === 0x64 && chunk[5] === 0x72 ? null : chunk);
  await using deaf = startSource({ ...database, url: relay.url }, OUTBOX);
  await deaf.logged(STREAMING);
  const message = (i: number): string =>
    `SELECT pg_logical_emit_message(true, 'outbox', '{"aggregatetype":"customer","aggregateid":"${i}","payload":${i}}')`;
  const write = (i: number): Promise<unknown> =>
    database.sql(`BEGIN; ${insert('order', `${i}`, `${i}`)}; ${message(i)}; COMMIT`);
  for (let i = 1; i <= 10; i++) await write(i);
  await view.eventsOnce(eventTopic(database, 'order'), 10);
  await deaf.end('SIGKILL');
  await using source = startSource(database, OUTBOX);
  await source.logged(STREAMING);
  await write(11);
  for (const type of ['order', 'customer']) {
    const events = await view.eventsOnce(eventTopic(database, type), 11);
    expect(events.map(({ key }) => Number(key))).toEqual(Array.from({ length: 11 }, (_, i) => i + 1));
  }
});

test('events of a transaction larger than the budget are resumed in its middle after a kill, each once', async () => {
  const rows = 1500;
  await using database = await withOutbox();
  await using view = await KafkaView.open();
  const small = { ...OUTBOX, 'batch-bytes-max': '40000' };
  await using relay = await openPostgresRelay(database.url);
  await using first = startSource({ ...database, url: relay.url }, small);
  await first.logged(STREAMING);
  let passed = 0;
  relay.filterServer = (chunk) => {
    passed += chunk.length;
    return passed < 200_000 ? chunk : null;
  };
  const json = `jsonb_build_object('aggregatetype', 'customer', 'aggregateid', g, 'payload', repeat('x', 100))::text`;
  await database.sql(`BEGIN; INSERT INTO outbox (aggregatetype, aggregateid, payload)
      SELECT 'order', g, to_jsonb(repeat('x', 100)) FROM generate_series(1, ${rows}) g;
    SELECT pg_logical_emit_message(true, 'outbox', ${json}) FROM generate_series(1, ${rows}) g; COMMIT`);
  const order = eventTopic(database, 'order');
  const partly = await view.eventsOnce(order, 300);
  await first.end('SIGKILL');
  const before = (await view.events(order, 'last-stable')).length;
  expect(before).toBeGreaterThanOrEqual(partly.length);
  expect(before).toBeLessThan(rows);
  await using second = startSource(database, small);
  await second.logged(STREAMING);
  const customers = await view.eventsOnce(eventTopic(database, 'customer'), rows);
  const seqs = (events: readonly Event[]): number[] =>
    events.map(({ record }) => Number(headerOf(record, '__seq')));
  expect(seqs(await view.events(order))).toEqual(Array.from({ length: rows }, (_, i) => i + 1));
  expect(seqs(customers)).toEqual(Array.from({ length: rows }, (_, i) => rows + i + 1));
});

test('S115 a message is an event of its transaction: gone with a rollback; outside of one it is counted, not published', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE orders (id bigint PRIMARY KEY, note text)');
  await using source = startSource(database, {
    tables: 'public.orders',
    'outbox-aggregate-types': 'order',
    'outbox-headers': 'tenant',
  });
  await source.logged(STREAMING);
  const emit = (transactional: boolean, json: string): string =>
    `SELECT pg_logical_emit_message(${transactional}, 'outbox', '${json}')`;
  const order = (id: number): string =>
    `{"id": "e${id}", "aggregatetype": "order", "aggregateid": ${id}, "type": "Placed", "payload": {"n": ${id}}, "tenant": "t"}`;
  await database.sql(`BEGIN; ${emit(true, order(1))}; ROLLBACK`);
  await database.sql(`BEGIN; ${emit(false, order(2))}; ROLLBACK`);
  await database.sql(`BEGIN; INSERT INTO orders VALUES (3, 'x'); ${emit(true, order(3))}; COMMIT`);
  await database.sql(emit(true, 'no json'));
  const events = await view.eventsOnce(eventTopic(database, 'order'), 1);
  expect(events.map(told)).toEqual([['3', '{"n": 3}']]);
  const headers = ['id', 'eventType', 'tenant', '__seq'].map(
    (key) => events[0] && headerOf(events[0].record, key),
  );
  expect(headers).toEqual(['e3', 'Placed', 't', '2']);
  const aside = await view.eventsOnce(`${database.name}.outbox.unrouted`, 1);
  expect(aside.map(told)).toEqual([[null, 'no json']]);
  expect((await source.get('/metrics')).body).toContain(
    'millrace_events_dropped_total{reason="non_transactional_message"} 1',
  );
});

test('S116 messages whose prefix is asked for go to one topic as they are, binary content too; others nowhere', async () => {
  await using database = await createSourceDatabase();
  await using view = await KafkaView.open();
  await database.sql('CREATE TABLE orders (id bigint PRIMARY KEY, note text)');
  await using source = startSource(database, {
    tables: 'public.orders',
    'message-prefix-include': 'app\\..*',
    'message-prefix-exclude': 'app\\.debug',
  });
  await source.logged(STREAMING);
  const content = randomBytes(300);
  const emit = (prefix: string, what: string): string =>
    `SELECT pg_logical_emit_message(true, '${prefix}', ${what})`;
  await database.sql(
    `BEGIN; ${emit('app.debug', "'no'")}; ${emit('other', "'no'")}; ${emit('outbox', "'no'")};
     ${emit('app.audit', `'\\x${content.toString('hex')}'::bytea`)}; ${emit('app.audit', "''")}; COMMIT`,
  );
  await database.sql("INSERT INTO orders VALUES (1, 'x')");
  await view.eventsOnce(`${database.name}.public.orders`, 1);
  const messages = await view.eventsOnce(`${database.name}.message`, 2);
  expect(
    messages.map(({ key, value }) => [key, value?.['prefix'], value?.['content'], value?.['__seq']]),
  ).toEqual([
    ['app.audit', 'app.audit', content, 4n],
    ['app.audit', 'app.audit', Buffer.alloc(0), 5n],
  ]);
  expect(messages[0]?.value?.['__xid']).not.toBe(0n);
  expect(schemaIdOf(messages[0]?.record.value as Buffer)).toBeGreaterThan(0);
});

test('an event that is too large for its topic ends the source, or is set aside cut where bad rows are', async () => {
  await using database = await withOutbox('text');
  await using view = await KafkaView.open();
  await using source = startSource(database, OUTBOX);
  await source.logged(STREAMING);
  await database.sql(insert('order', '1', 'x'.repeat(3_000_000)));
  await database.sql(insert('order', '2', 'y'));
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain(`that topic ${eventTopic(database, 'order')} takes`);
  expect(await view.events(eventTopic(database, 'order'))).toEqual([]);
  await using tolerant = startSource(database, { ...OUTBOX, 'on-bad-row': 'dead-letter' });
  await tolerant.logged(STREAMING);
  expect((await view.eventsOnce(eventTopic(database, 'order'), 1)).map(told)).toEqual([['2', 'y']]);
  const [aside] = await view.eventsOnce(`${database.name}.outbox.unrouted`, 1);
  expect(aside !== undefined && told(aside)).toEqual(['1', 'x'.repeat(512 * 1024)]);
  expect(aside && headerOf(aside.record, '__connect.errors.exception.message')).toContain(
    'is larger than the',
  );
});

test('an outbox without the columns of an event is refused, and so is one that is not published', async () => {
  await using database = await createSourceDatabase();
  await database.sql(
    'CREATE TABLE outbox (id int PRIMARY KEY, payload text); CREATE TABLE t (id int PRIMARY KEY)',
  );
  await using bare = startSource(database, { ...OUTBOX, tables: '' });
  expect(await bare.exited).toBe(1);
  expect(bare.log()).toContain('publishes no column aggregatetype, aggregateid, type');
  await database.sql(`CREATE PUBLICATION p FOR TABLE t`);
  await using unpublished = startSource(database, { ...OUTBOX, tables: '', 'publication-name': 'p' });
  expect(await unpublished.exited).toBe(1);
  expect(unpublished.log()).toContain('source.publication_');
});
