import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Admin } from 'kafkajs';
import type { Kafka } from '../../../../connectors/kafka/port.ts';
import { connect, createTopic, disconnect, textOf } from '../kafka-client.ts';
import { fetchOnce, openStockCluster } from './stock-cluster.ts';
import { stockAdmin, stockKafkajs, stockProducer } from './stock-kafkajs.ts';
import { openStockReader } from './stock-reader.ts';

/** Two values do not fit into one segment of 1 MiB, the smallest that Kafka 4 allows. */
const VALUE_BYTES = 600_000;
const TOPIC_CONFIG = {
  'cleanup.policy': 'compact',
  'segment.bytes': `${1024 * 1024}`,
  'min.cleanable.dirty.ratio': '0.01',
  'delete.retention.ms': '0',
  'max.compaction.lag.ms': '1',
};
const CLEANER_BACKOFF = 'log.cleaner.backoff.ms';
/** Answers without progress after which a reader counts as stuck. */
const FETCHES = 20;

let kafka: Kafka;
let admin: Admin & AsyncDisposable;
beforeAll(async () => {
  kafka = await connect();
  admin = await stockAdmin();
  await setCleanerBackoff([{ name: CLEANER_BACKOFF, value: '100' }]);
});
afterAll(async () => {
  await setCleanerBackoff([]);
  await admin[Symbol.asyncDispose]();
  await disconnect(kafka);
});

/** The cleaner looks for work each 15 s by default. Brokers follow the change at once. */
async function setCleanerBackoff(configEntries: { name: string; value: string }[]): Promise<void> {
  const { BROKER } = stockKafkajs().library.ConfigResourceTypes;
  const { brokers } = await admin.describeCluster();
  const resources = brokers.map(({ nodeId }) => ({ type: BROKER, name: `${nodeId}`, configEntries }));
  await admin.alterConfigs({ validateOnly: false, resources });
}

const value = (text: string): string => text.padEnd(VALUE_BYTES);

test('compaction leaves an empty batch at the end of a segment: stock stays in front of it for ever, ours passes it', async () => {
  const topic = await createTopic(kafka, 1, TOPIC_CONFIG);
  const send = async (messages: readonly (readonly [string, string])[]): Promise<void> => {
    await using producer = await stockProducer({ idempotent: true });
    for (const [key, text] of messages)
      await producer.send({ topic, messages: [{ key, value: value(text), partition: 0 }] });
  };
  // The only batch of its producer stays for the sequence number in it, when its only record has gone.
  await send([['k', 'old']]);
  await send([
    ['k', 'new'],
    ['z', 'in the active segment'],
  ]);

  const at = { topic, partition: 0, offset: 0 };
  await using cluster = await openStockCluster(topic);
  // An answer ends with the segment: that the next batch is not in it says that the empty one is alone there.
  await expect
    .poll(() => fetchOnce(cluster, topic, 0), { timeout: 30_000 })
    .toEqual({ offsets: [], highWatermark: 3 });

  await using stock = await openStockReader(kafka, at);
  await expect.poll(stock.fetches, { timeout: 20_000 }).toBeGreaterThanOrEqual(FETCHES);
  expect({ seen: stock.seen, position: stock.position() }).toEqual({ seen: [], position: -1 });

  await using fetcher = kafka.openFetcher();
  fetcher.assign([at]);
  const ours: [number, string][] = [];
  while (ours.length < 2)
    for (const { records } of await fetcher.poll(1_000))
      for (const record of records) ours.push([record.offset, textOf(record).trim()]);
  expect(ours).toEqual([
    [1, 'new'],
    [2, 'in the active segment'],
  ]);
});
