import { createHmac } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { schemaIdOf } from '../../../schemas/serde/wire-format.ts';
import { type Event, KafkaView } from './cdc-topic.ts';
import { acknowledged } from './acknowledged.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { topicsOf } from './source-topics.ts';

const STREAMING = '"msg":"streaming"';
const HASH_KEY = 'a key of thirty-two bytes, or so.';
const hash = (text: string): string => createHmac('sha256', HASH_KEY).update(text).digest('hex');

async function withTables(...ddl: readonly string[]): Promise<SourceDatabase> {
  const database = await createSourceDatabase();
  onTestFinished(() => database[Symbol.asyncDispose]());
  for (const statement of ddl) await database.sql(statement);
  return database;
}

/** Everything that a reader of Kafka may see of a source, as one text. */
async function everythingIn(view: KafkaView, prefix: string): Promise<string> {
  const parts: Buffer[] = [];
  for (const topic of await topicsOf(prefix))
    for (const record of await view.records(topic))
      for (const bytes of [record.key, record.value, ...record.headers.map(({ value }) => value)])
        if (bytes !== null) parts.push(bytes);
  return Buffer.concat(parts).toString('latin1');
}

const headersOf = (record: ConsumerRecord): Record<string, string> =>
  Object.fromEntries(record.headers.map(({ key, value }) => [key, String(value)]));

test('S4 S10 S21 S135 no raw value of a protected column leaves: snapshot, stream, old images, letters, logs', async () => {
  const database = await withTables(
    'CREATE TABLE people (email text PRIMARY KEY, name text, ssn text, phone text, bio text, at timestamptz)',
    'ALTER TABLE people REPLICA IDENTITY FULL',
    'ALTER TABLE people ALTER bio SET STORAGE EXTERNAL',
    'CREATE TABLE visits (id bigint PRIMARY KEY, email varchar(40), card bigint)',
    'CREATE TABLE stays (at timestamptz PRIMARY KEY, guest text)',
  );
  await using view = await KafkaView.open();
  const bio = `RAWBIO${'.'.repeat(9000)}`;
  await database.sql(`INSERT INTO people VALUES ('RAWMAIL-1', 'RAWNAME', 'RAWSSN', 'RAWPHONE', '${bio}', now()),
    ('RAWMAIL-2', NULL, NULL, NULL, NULL, NULL)`);
  await database.sql("INSERT INTO visits VALUES (1, 'RAWMAIL-1', 4711081547110815)");
  await database.sql("INSERT INTO stays VALUES ('infinity', 'RAWGUEST-1')");
  await using source = startSource(database, {
    tables: 'public.people,public.visits,public.stays',
    'column-exclude-list': String.raw`.*\.ssn`,
    'column-policies': String.raw`.*\.(email|card)=hash, .*\.name=mask, .*\.(phone|bio)=truncate:3, .*\.guest=hash`,
    'hash-key': HASH_KEY,
    'on-bad-row': 'dead-letter',
    'log-level': 'debug',
  });
  await source.logged(STREAMING);
  await database.sql("INSERT INTO people VALUES ('RAWMAIL-3', 'RAWNAME', 'RAWSSN', 'RAWPHONE', NULL, NULL)");
  await database.sql("UPDATE people SET at = now() WHERE email = 'RAWMAIL-1'");
  await database.sql("UPDATE people SET email = 'RAWMAIL-4' WHERE email = 'RAWMAIL-3'");
  await database.sql("DELETE FROM people WHERE email = 'RAWMAIL-2'");
  await database.sql("INSERT INTO visits VALUES (2, 'RAWMAIL-1', 4711081547110815)");
  await database.sql("INSERT INTO stays VALUES ('-infinity', 'RAWGUEST-2')");
  await database.sql("DELETE FROM stays WHERE at = 'infinity'");
  const people = await view.eventsOnce(`${database.name}.public.people`, 7);
  const visits = await view.eventsOnce(`${database.name}.public.visits`, 2);
  await acknowledged(database);
  const letters = await view.records(`${database.name}.dlq`);

  const snapshot = people.filter(({ op }) => op === 'r').map(({ key }) => String(key?.['email']));
  expect(snapshot.toSorted()).toEqual([hash('RAWMAIL-1'), hash('RAWMAIL-2')].toSorted());
  const updated = people.find(({ op }) => op === 'u');
  expect(updated?.value).toMatchObject({ email: hash('RAWMAIL-1'), name: '****', phone: 'RAW', bio: 'RAW' });
  expect(updated?.value).not.toHaveProperty('ssn');
  const read = people.find(({ key, op }) => op === 'r' && key?.['email'] === hash('RAWMAIL-2'));
  expect(read?.value).toMatchObject({ name: null, phone: null, bio: null });
  const ended = people.filter(({ op }) => op === 'd').map(({ key }) => key?.['email']);
  expect(ended).toEqual([hash('RAWMAIL-3'), hash('RAWMAIL-2')]);
  expect(visits.map(({ op, value }) => [op, value?.['email'], value?.['card']])).toEqual([
    ['r', hash('RAWMAIL-1'), hash('4711081547110815')],
    ['c', hash('RAWMAIL-1'), hash('4711081547110815')],
  ]);
  expect(letters.map((letter) => (JSON.parse(String(letter.value)) as { columns: unknown }).columns)).toEqual(
    [
      { at: 'infinity', guest: hash('RAWGUEST-1') },
      { at: '-infinity', guest: hash('RAWGUEST-2') },
      { at: 'infinity', guest: null },
    ],
  );

  const registry = connectRegistry({ url: inject('registryUrl'), clientId: 'privacy-test' });
  const schema = (await registry.schemaById(schemaIdOf(visits[0]!.record.value!))) as AvroRecord;
  expect(schema.fields.find(({ name }) => name === 'card')).toMatchObject({
    type: ['null', 'string'],
    doc: expect.stringContaining('HMAC-SHA-256'),
    'pg.type': 'text',
  });
  const everything = await everythingIn(view, database.name);
  expect(everything).toContain(hash('RAWMAIL-1'));
  expect(await source.end('SIGTERM')).toBe(0);
  for (const place of [everything, source.log()])
    expect(place).not.toMatch(/RAW(MAIL|NAME|SSN|PHONE|BIO|GUEST)|4711081547110815/);
});

test('a table that is filtered out has no topic, and its changes hold nothing up', async () => {
  const database = await withTables(
    'CREATE TABLE orders (id int PRIMARY KEY, note text)',
    'CREATE TABLE audit (id int PRIMARY KEY, note text)',
    'INSERT INTO audit VALUES (1, NULL)',
    'CREATE PUBLICATION millrace FOR ALL TABLES',
  );
  await using view = await KafkaView.open();
  await using source = startSource(database, { 'table-exclude-list': String.raw`public\.audit` });
  await source.logged(STREAMING);
  await database.sql(`BEGIN; INSERT INTO audit VALUES (2, 'x'); INSERT INTO orders VALUES (1, 'x');
    UPDATE audit SET note = 'y'; DELETE FROM audit WHERE id = 1; INSERT INTO orders VALUES (2, 'x');
    ALTER TABLE audit ADD more int; TRUNCATE audit; COMMIT`);
  const events = await view.eventsOnce(`${database.name}.public.orders`, 2);
  expect(events.map(({ op, key, value }) => [op, key?.['id'], value?.['__seq']])).toEqual([
    ['c', 1, 2n],
    ['c', 2, 6n],
  ]);
  await database.sql('INSERT INTO audit VALUES (3)');
  await acknowledged(database);
  expect(await topicsOf(database.name)).not.toContain(`${database.name}.public.audit`);
});

test.each([
  ['table-include-list', String.raw`public\.order`, 'source.filter_unmatched'],
  ['column-policies', String.raw`public\.orders\.emial=mask`, 'source.filter_unmatched'],
  ['column-types', 'public.orders.emial=string', 'source.filter_unmatched'],
  ['column-exclude-list', String.raw`public\.orders\.id`, 'source.key_policy'],
  ['column-policies', String.raw`public\.orders\.id=truncate:2`, 'source.key_policy'],
])('--%s %s is refused: %s', async (option, pattern, code) => {
  const database = await withTables('CREATE TABLE orders (id int PRIMARY KEY, email text)');
  await using source = startSource(database, { tables: 'public.orders', [option]: pattern });
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain(`"code":"${code}"`);
});

test('S89 a protected column that is renamed stops the source before a value goes out; its new policy lets it go on', async () => {
  const database = await withTables('CREATE TABLE people (id int PRIMARY KEY, email text)');
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.people`;
  const flags = { tables: 'public.people', 'hash-key': HASH_KEY };
  const logs: string[] = [];
  {
    await using source = startSource(database, {
      ...flags,
      'column-policies': String.raw`public\.people\.email=hash`,
    });
    await source.logged(STREAMING);
    await database.sql("INSERT INTO people VALUES (1, 'RAWMAIL-1')");
    await view.eventsOnce(topic, 1);
    await database.sql('ALTER TABLE people RENAME email TO mail');
    await database.sql("INSERT INTO people VALUES (2, 'RAWMAIL-2')");
    expect(await source.exited).toBe(1);
    expect(source.log()).toContain('"code":"source.column_unprotected"');
    logs.push(source.log());
  }
  await using again = startSource(database, {
    ...flags,
    'column-policies': String.raw`public\.people\.(email|mail)=hash`,
  });
  const events = await view.eventsOnce(topic, 2);
  expect(events.map(({ value }) => value?.['email'] ?? value?.['mail'])).toEqual([
    hash('RAWMAIL-1'),
    hash('RAWMAIL-2'),
  ]);
  logs.push(again.log());
  for (const place of [await everythingIn(view, database.name), ...logs])
    expect(place).not.toContain('RAWMAIL');
});

test('S88 a protected column that was dropped while the source was down is protected in the WAL before that', async () => {
  const database = await withTables('CREATE TABLE people (id int PRIMARY KEY, email text)');
  await using view = await KafkaView.open();
  const topic = `${database.name}.public.people`;
  const flags = { tables: 'public.people', 'column-exclude-list': String.raw`public\.people\.email` };
  {
    await using source = startSource(database, flags);
    await source.logged(STREAMING);
    expect(await source.end('SIGTERM')).toBe(0);
  }
  await database.sql("INSERT INTO people VALUES (1, 'RAWMAIL-1')");
  await database.sql('ALTER TABLE people DROP email');
  await database.sql('INSERT INTO people VALUES (2)');
  await using again = startSource(database, flags);
  const events = await view.eventsOnce(topic, 2);
  expect(events.map(({ key }) => key?.['id'])).toEqual([1, 2]);
  expect(await everythingIn(view, database.name)).not.toContain('RAWMAIL');
  expect(again.log()).not.toContain('RAWMAIL');
});

test('S103 a row filter of the publication: snapshot and stream have the rows that pass, and updates in and out of it', async () => {
  const database = await withTables(
    'CREATE TABLE orders (id int PRIMARY KEY, region text, note text)',
    'ALTER TABLE orders REPLICA IDENTITY FULL',
    "INSERT INTO orders VALUES (1, 'eu', 'in'), (2, 'us', 'RAWOUT'), (3, 'eu', 'in')",
    "CREATE PUBLICATION millrace FOR TABLE orders WHERE (region = 'eu')",
  );
  await using view = await KafkaView.open();
  await using source = startSource(database);
  await source.logged(STREAMING);
  await database.sql("UPDATE orders SET note = 'inside' WHERE id = 1");
  await database.sql("UPDATE orders SET note = 'RAWOUT still' WHERE id = 2");
  await database.sql("UPDATE orders SET region = 'eu', note = 'moved in' WHERE id = 2");
  await database.sql("UPDATE orders SET region = 'us' WHERE id = 3");
  await database.sql("INSERT INTO orders VALUES (4, 'us', 'RAWOUT'), (5, 'eu', 'new')");
  await database.sql('DELETE FROM orders WHERE id = 4');
  await database.sql('DELETE FROM orders WHERE id = 5');
  const topic = `${database.name}.public.orders`;
  await acknowledged(database);
  const told = ({ op, key, value }: Event): string => [op, key?.['id'], value?.['note']].join(' ').trim();
  const events = (await view.events(topic)).map(told);
  expect(events.slice(0, 2).toSorted()).toEqual(['r 1 in', 'r 3 in']);
  expect(events.slice(2)).toEqual(['u 1 inside', 'c 2 moved in', 'd 3', 'c 5 new', 'd 5']);
  expect(await everythingIn(view, database.name)).not.toContain('RAWOUT');
});

test('S83 S132 a row that is too large is set aside once, in snapshot and stream; others flow, over a kill', async () => {
  const database = await withTables(
    'CREATE TABLE orders (id int PRIMARY KEY, note text)',
    "INSERT INTO orders VALUES (1, 'x'), (2, repeat('x', 3000000)), (3, 'x')",
  );
  await using view = await KafkaView.open();
  const flags = { tables: 'public.orders', 'on-bad-row': 'dead-letter' };
  const topic = `${database.name}.public.orders`;
  {
    await using source = startSource(database, flags);
    await source.logged(STREAMING);
    await database.sql("INSERT INTO orders VALUES (4, repeat('y', 2000000)), (5, 'x')");
    await database.sql("UPDATE orders SET note = repeat('z', 2000000) WHERE id = 1");
    await database.sql("UPDATE orders SET id = 30, note = repeat('z', 2000000) WHERE id = 3");
    await view.eventsOnce(topic, 4);
    await acknowledged(database);
    expect((await source.get('/metrics')).body).toContain(
      'millrace_dlq_records_total{schema="public",table="orders"} 4',
    );
    expect(source.log().match(/row set aside as a dead letter/g)).toHaveLength(1);
    await source.end('SIGKILL');
  }
  await using again = startSource(database, flags);
  await again.logged(STREAMING);
  await database.sql("INSERT INTO orders VALUES (6, 'x')");
  const events = await view.eventsOnce(topic, 5);
  const told = events.map(({ op, key }) => `${op} ${String(key?.['id'])}`);
  expect(told.toSorted()).toEqual(['c 5', 'c 6', 'd 3', 'r 1', 'r 3']);
  const letters = await view.records(`${database.name}.dlq`);
  const said = letters.map((letter) => {
    const headers = headersOf(letter);
    const { columns, cut } = JSON.parse(String(letter.value)) as {
      columns: { id: string; note: string };
      cut: { note: number };
    };
    expect(headers).toMatchObject({
      '__connect.errors.topic': topic,
      '__connect.errors.stage': 'KAFKA_PRODUCE',
      __table: 'public.orders',
    });
    expect(BigInt(headers['__lsn'] ?? 0)).toBeGreaterThan(0n);
    return [headers['__op'], columns.id, columns.note[0], cut.note, letter.value!.length > 200_000];
  });
  expect(said).toEqual([
    ['r', '2', 'x', 3_000_000, true],
    ['c', '4', 'y', 2_000_000, true],
    ['u', '1', 'z', 2_000_000, true],
    ['c', '30', 'z', 2_000_000, true],
  ]);
});

test('S135 by default a bad row stops the source with its place and without its values, and nothing behind it is told', async () => {
  const database = await withTables('CREATE TABLE stays (at timestamptz PRIMARY KEY, guest text)');
  await using view = await KafkaView.open();
  await using source = startSource(database, { tables: 'public.stays' });
  await source.logged(STREAMING);
  await database.sql("INSERT INTO stays VALUES ('infinity', 'RAWGUEST')");
  await database.sql("INSERT INTO stays VALUES ('2020-01-01', 'next')");
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('"code":"source.key_special"');
  expect(source.log()).toMatch(/change [0-9A-F]+\/[0-9A-F]+\/1 of public\.stays/);
  expect(source.log()).not.toContain('RAWGUEST');
  expect(await view.events(`${database.name}.public.stays`)).toEqual([]);
  expect(await topicsOf(database.name)).not.toContain(`${database.name}.dlq`);
});
