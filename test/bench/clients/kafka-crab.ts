import { createRequire } from 'node:module';
import type { BenchClient, RunSpec } from '../client.ts';

interface Message {
  readonly key: Buffer | undefined;
  readonly payload: Buffer | undefined;
}

interface CrabConsumer {
  subscribe(topic: string): Promise<void>;
  recvBatch(size: number, timeoutMs: number): Promise<readonly Message[]>;
  disconnect(): Promise<void>;
}

interface Crab {
  readonly KafkaClient: new (options: object) => {
    createProducer(options: object): { send(record: object): Promise<unknown> };
    createConsumer(options: object): CrabConsumer;
  };
}

const BATCH_RECORDS = 1_000;
const BATCH_WAIT_MS = 100;

/** kafka-crab-js (librdkafka through Rust): prebuilt, so that it installs without a compiler. */
export function kafkaCrabClient({
  brokers,
  topic,
  compression,
  peers,
  records,
}: RunSpec): Promise<BenchClient> {
  const { KafkaClient } = createRequire(`${peers}/`)('kafka-crab-js') as Crab;
  const client = new KafkaClient({ brokers, clientId: 'bench', logLevel: 'error' });
  const producer = client.createProducer({
    configuration: {
      acks: 'all',
      'compression.type': compression,
      'queue.buffering.max.messages': '1000000',
    },
  });
  let leave = (): Promise<void> => Promise.resolve();
  return Promise.resolve({
    async send(batch) {
      await producer.send({ topic, messages: batch.map(({ key, value }) => ({ key, payload: value })) });
    },
    async consume(onRecords) {
      const consumer = client.createConsumer({
        groupId: `bench-${process.pid}`,
        enableAutoCommit: false,
        configuration: { 'auto.offset.reset': 'earliest', 'isolation.level': 'read_committed' },
      });
      leave = () => consumer.disconnect();
      await consumer.subscribe(topic);
      for (let read = 0; read < records;) {
        const batch = await consumer.recvBatch(BATCH_RECORDS, BATCH_WAIT_MS);
        let bytes = 0;
        for (const { key, payload } of batch) bytes += (key?.length ?? 0) + (payload?.length ?? 0);
        read += batch.length;
        onRecords(batch.length, bytes);
      }
    },
    close: () => leave(),
  });
}
