import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type { BenchClient, RunSpec } from '../client.ts';

interface Message {
  readonly key: Buffer | undefined;
  readonly value: Buffer | undefined;
}

interface Platformatic {
  readonly Producer: new (options: object) => {
    send(options: object): Promise<unknown>;
    close(): Promise<void>;
  };
  readonly Consumer: new (options: object) => {
    consume(options: object): Promise<NodeJS.ReadableStream & { close(): Promise<void> }>;
    close(force?: boolean): Promise<void>;
  };
}

const READ_COMMITTED = 1;

/** @platformatic/kafka: its producer, and its consumer as a stream that flows. */
export async function platformaticClient({
  brokers,
  topic,
  compression,
  peers,
}: RunSpec): Promise<BenchClient> {
  const file = createRequire(`${peers}/`).resolve('@platformatic/kafka');
  const { Producer, Consumer } = (await import(pathToFileURL(file).href)) as Platformatic;
  const base = { clientId: 'bench', bootstrapBrokers: brokers.split(',') };
  const producer = new Producer({ ...base, compression, acks: -1 });
  let leave = (): Promise<void> => Promise.resolve();
  return {
    async send(batch) {
      await producer.send({
        acks: -1,
        compression,
        messages: batch.map(({ partition, key, value }) => ({ topic, partition, key, value })),
      });
    },
    async consume(onRecords) {
      const consumer = new Consumer({ ...base, groupId: `bench-${process.pid}` });
      leave = () => consumer.close(true);
      const stream = await consumer.consume({
        topics: [topic],
        mode: 'earliest',
        autocommit: false,
        isolationLevel: READ_COMMITTED,
      });
      stream.on('data', (message: unknown) => {
        const { key, value } = message as Message;
        onRecords(1, (key?.length ?? 0) + (value?.length ?? 0));
      });
    },
    async close() {
      await producer.close();
      await leave();
    },
  };
}
