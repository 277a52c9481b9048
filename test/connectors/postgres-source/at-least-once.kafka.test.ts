import { expect, test } from 'vitest';
import { createSourceDatabase } from './source-database.ts';
import { KafkaView } from './cdc-topic.ts';
import { openPostgresRelay } from './postgres-relay.ts';
import { startSource } from './source-process.ts';
import { STREAMING, acknowledged } from './streamed-tables.ts';

test('with at_least_once rows go outside of transactions, and none is missing after a kill', async () => {
  const rows = 3000;
  const made = await createSourceDatabase();
  await using database = { ...made };
  await database.sql('CREATE TABLE orders (id bigint PRIMARY KEY, note text)');
  const url = await made.grantSource(['public.orders']);
  const topic = `${database.name}.public.orders`;
  await using view = await KafkaView.open();
  const flags = {
    tables: 'public.orders',
    'processing-guarantee': 'at_least_once',
    'batch-bytes-max': '40000',
  };
  await using relay = await openPostgresRelay(url);
  await using first = startSource({ ...database, url: relay.url }, flags);
  await first.logged(STREAMING);
  let passed = 0;
  relay.filterServer = (chunk) => {
    passed += chunk.length;
    return passed < 200_000 ? chunk : null;
  };
  await database.sql(`INSERT INTO orders SELECT g, repeat('x', 100) FROM generate_series(1, ${rows}) g`);
  await view.eventsOnce(topic, 500);
  await first.end('SIGKILL');
  await using _second = startSource({ ...database, url }, flags);
  await acknowledged(database);
  const events = await view.events(topic);
  expect(new Set(events.map(({ value }) => value?.['__seq'])).size).toBe(rows);
  expect(new Set(events.map(({ value }) => value?.['id'])).size).toBe(rows);
  const partitions = Array.from({ length: 4 }, (_, partition) => ({ topic, partition }));
  const ends = await view.kafka.listOffsets(partitions, 'high-watermark');
  // A transaction would leave a marker in each partition.
  expect(ends.reduce((sum, end) => sum + end, 0)).toBe(events.length);
});
