import type { Kafka } from '../../../connectors/kafka/port.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { encodeProgress } from '../../../schemas/progress.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { STREAM_CONFIG, TABLE_CONFIG, type Topic, topicName } from '../../../schemas/topic.ts';
import { type InputName, PARTITIONS, inputs } from './topics.ts';

const POLL_MAX_MS = 500;
/** The undisturbed run reads every change again that the disturbed one has seen. */
const UNCOMPACTED = { ...TABLE_CONFIG, 'min.compaction.lag.ms': '86400000' };

interface Encoder {
  /** In Kafka. */
  readonly topic: string;
  readonly key: (key: object) => Buffer;
  /** What partitions go by. */
  readonly keyBody: (key: object) => Buffer;
  readonly value: (value: object) => Buffer;
}

export type InputEncoders = Readonly<Record<InputName, Encoder>>;

/** Creates what a source would have created: its topics, and the first progress cut, without which nothing begins. */
export async function createInputs(kafka: Kafka, prefix: string, positionTopic: string): Promise<void> {
  const progress = progressTopicName(prefix);
  await kafka.ensureTopics([
    ...Object.values(inputs).map((topic) => ({
      name: topicName(prefix, topic),
      partitions: PARTITIONS,
      config: topic.kind === 'table' ? UNCOMPACTED : STREAM_CONFIG,
    })),
    { name: positionTopic, partitions: 1, config: TABLE_CONFIG },
    { name: progress, partitions: 1, config: TABLE_CONFIG },
  ]);
  const value = encodeProgress({ endLsn: 1n, commitTs: 1n, systemId: '1', offsets: {} });
  await using producer = await kafka.openIdempotentProducer();
  await producer.send([
    { topic: progress, partition: 0, timestamp: Date.now(), key: Buffer.from('slot'), value },
  ]);
}

/** Registers the schemas of all inputs. */
export async function inputEncoders(registry: SchemaRegistry, prefix: string): Promise<InputEncoders> {
  const encoders = await Promise.all(
    Object.entries(inputs).map(async ([name, of]) => {
      const topic = topicName(prefix, of as Topic<object, object>);
      const keys = await AvroSerde.writer<object>(registry, `${topic}-key`, of.key);
      const values = await AvroSerde.writer<object>(registry, `${topic}-value`, of.value);
      const encoder: Encoder = {
        topic,
        key: (key) => keys.encode(key),
        keyBody: (key) => keys.encodeBody(key),
        value: (value) => values.encode(value),
      };
      return [name, encoder] as const;
    }),
  );
  return Object.fromEntries(encoders) as InputEncoders;
}

/** How many batches are committed. To be asked when no transaction is open. */
export async function readPosition(kafka: Kafka, topic: string): Promise<number> {
  const partition = { topic, partition: 0 };
  const [end = 0] = await kafka.listOffsets([partition], 'high-watermark');
  let [offset = 0] = await kafka.listOffsets([partition], 'earliest');
  let written = 0;
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset }]);
  while (offset < end)
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      for (const { value } of batch.records) written = Number(value);
      offset = batch.nextOffset;
    }
  return written;
}
