import type { Kafka } from '../../../connectors/kafka/port.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { encodeProgress } from '../../../schemas/progress.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { STREAM_CONFIG, TABLE_CONFIG, type Topic, topicName } from '../../../schemas/topic.ts';
import { type InputName, PARTITIONS, inputs } from './topics.ts';

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
