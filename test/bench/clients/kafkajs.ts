import kafkajs from 'kafkajs';
import type { CompressionTypes } from 'kafkajs';
import { COMPRESSIONS, compress, decompress } from '../../../connectors/kafka/compression.ts';
import type { Compression } from '../../../connectors/kafka/compression.ts';
import type { BenchClient, RunSpec } from '../client.ts';

const { CompressionCodecs, Kafka, logLevel } = kafkajs;

/** kafkajs as it is; snappy, lz4 and zstd, which it has not, by the libraries that this port uses. */
export async function kafkajsClient({ brokers, topic, compression }: RunSpec): Promise<BenchClient> {
  for (const codec of ['snappy', 'lz4', 'zstd'] as const)
    Object.assign(CompressionCodecs, { [typeOf(codec)]: () => codecOf(codec) });
  const kafka = new Kafka({ brokers: brokers.split(','), clientId: 'bench', logLevel: logLevel.NOTHING });
  const producer = kafka.producer();
  await producer.connect();
  let leave = (): Promise<void> => Promise.resolve();
  return {
    async send(batch) {
      const messages = batch.map(({ partition, key, value }) => ({ partition, key, value }));
      await producer.send({ topic, acks: -1, compression: typeOf(compression), messages });
    },
    async consume(onRecords) {
      const consumer = kafka.consumer({ groupId: `bench-${process.pid}` });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      leave = () => consumer.disconnect();
      await consumer.run({
        autoCommit: false,
        eachBatch: ({ batch }) => {
          let bytes = 0;
          for (const { key, value } of batch.messages) bytes += (key?.length ?? 0) + (value?.length ?? 0);
          onRecords(batch.messages.length, bytes);
          return Promise.resolve();
        },
      });
    },
    async close() {
      await producer.disconnect();
      await leave();
    },
  };
}

const typeOf = (compression: Compression): CompressionTypes => COMPRESSIONS.indexOf(compression);

const codecOf = (codec: Compression) => ({
  compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(compress(codec, buffer)),
  decompress: (packed: Buffer) => Promise.resolve(decompress(codec, packed, 'a batch')),
});
