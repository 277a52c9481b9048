import type { Consumer, ConsumerConfig, Kafka as StockKafka, KafkaMessage } from 'kafkajs';
import { expect } from 'vitest';
import type { Kafka, TopicPartition } from '../../../../connectors/kafka/port.ts';
import { unique } from '../kafka-client.ts';
import { stockClient } from './stock-kafkajs.ts';

/** The only member of a group of its own, read-committed, which commits nothing. */
export interface StockReader extends AsyncDisposable {
  readonly consumer: Consumer;
  /** What its handler was given. */
  readonly seen: readonly KafkaMessage[];
  /** Fetches that the broker has answered. */
  readonly fetches: () => number;
  /** Where it goes on reading; before anything was handled -1. */
  readonly position: () => number;
  /** Records up to what its handler is told to be the end, or undefined before it was told. */
  readonly lag: () => number | undefined;
  /** What ended it. */
  readonly crash: () => Error | undefined;
}

/** Reads one partition from `offset` on. */
export async function openStockReader(
  kafka: Kafka,
  { topic, partition, offset }: TopicPartition & { readonly offset: number },
  client: StockKafka = stockClient(),
  config: Partial<ConsumerConfig> = {},
): Promise<StockReader> {
  const groupId = unique('stock');
  const outside = { groupId, generationId: -1, memberId: '' };
  await kafka.commitOffsets(outside, [{ topic, partition, offset }]);
  const consumer = client.consumer({ groupId, maxWaitTimeInMs: 50, ...config });
  const seen: KafkaMessage[] = [];
  let fetches = 0;
  let position = -1;
  let lag: number | undefined;
  let crash: Error | undefined;
  consumer.on(consumer.events.FETCH, () => {
    fetches++;
  });
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => {
    position = Number(payload.lastOffset) + 1;
    lag = Number(payload.offsetLag);
  });
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crash = payload.error;
  });
  await consumer.connect();
  await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await consumer.run({
    autoCommit: false,
    eachBatch: ({ batch }) => {
      seen.push(...batch.messages);
      return Promise.resolve();
    },
  });
  return {
    consumer,
    seen,
    fetches: () => fetches,
    position: () => position,
    lag: () => lag,
    crash: () => crash,
    [Symbol.asyncDispose]: () => consumer.disconnect(),
  };
}

export const valueOf = ({ value }: Pick<KafkaMessage, 'value'>): string => value?.toString() ?? '';

/** All that stock kafkajs hands out between two offsets of a partition. */
export async function stockRead(
  kafka: Kafka,
  at: TopicPartition & { readonly offset: number },
  end: number,
): Promise<string[]> {
  await using reader = await openStockReader(kafka, at);
  await expect.poll(reader.position, { timeout: 20_000 }).toBeGreaterThanOrEqual(end);
  return reader.seen.map(valueOf);
}
