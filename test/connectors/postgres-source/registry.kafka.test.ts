import { expect, inject, test } from 'vitest';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { acknowledged, streamTables, told } from './streamed-tables.ts';

const TABLES = 'CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE o (id int PRIMARY KEY, v text);';

test('S97 a registry that is away when a shape changes holds the stream, and nothing else: then all goes on, once', async () => {
  await using relay = await openPostgresRelay(inject('registryUrl'));
  await using tables = await streamTables(TABLES, ['t', 'o'], { 'schema-registry-url': relay.url });
  const { sql } = tables.database;
  await sql("INSERT INTO t VALUES (1, 'a')");
  await acknowledged(tables.database);
  relay.filterClient = () => {
    relay.cut();
    return null;
  };
  await sql("ALTER TABLE t ADD COLUMN w int; INSERT INTO t VALUES (2, 'b', 2)");
  await sql("INSERT INTO o VALUES (1, 'behind')");
  await tables.source().logged('no answer from the schema registry');
  expect(told(await tables.view.events(tables.topicOf('t')))).toEqual(['c 1 a']);
  relay.filterClient = (chunk) => chunk;
  const events = await tables.settled('t');
  expect(told(events)).toEqual(['c 1 a', 'c 2 b']);
  expect(events.map(({ value }) => value?.['w'])).toEqual([undefined, 2]);
  expect(told(await tables.settled('o'))).toEqual(['c 1 behind']);
});

test('S97 a registry that takes a request and never answers is given up', async () => {
  await using relay = await openPostgresRelay(inject('registryUrl'));
  const registry = connectRegistry({ url: relay.url, clientId: 'registry-test', answerMaxMs: 50 });
  relay.filterClient = () => null;
  await expect(registry.latest('nothing')).rejects.toMatchObject({
    code: 'registry.unreachable',
    order: 'retry',
  });
});

test('S99 readers that register one schema at the same time get one id', async () => {
  const subject = `race-${crypto.randomUUID()}-value`;
  const schema = { type: 'record', name: 'Race', fields: [{ name: 'id', type: 'int' }] } as const;
  const ids = await Promise.all(
    Array.from({ length: 5 }, (_, i) =>
      connectRegistry({ url: inject('registryUrl'), clientId: `race-${i}` }).register(subject, schema),
    ),
  );
  expect(new Set(ids).size).toBe(1);
});
