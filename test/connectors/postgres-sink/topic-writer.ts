import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type {
  Kafka,
  ProducerRecord,
  TopicSpec,
  TransactionalProducer,
} from '../../../connectors/kafka/port.ts';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';

/** A key and its value, null for a tombstone. */
export type Entry = readonly [key: unknown, value: unknown];

/** Writes a topic as Millrace's producers do: framed Avro, partition by key body, one transaction per call. */
export interface TopicWriter extends AsyncDisposable {
  readonly topic: string;
  readonly write: (entries: readonly Entry[]) => Promise<void>;
  /** From now on values are written with this schema. */
  readonly evolve: (value: AvroSchema) => Promise<void>;
  /** A record without a key, into partition 0. */
  readonly writeValue: (value: unknown) => Promise<void>;
  /** Bytes as they are, into partition 0. */
  readonly writeRaw: (key: Buffer | null, value: Buffer | null) => Promise<void>;
}

export async function createTopicWriter(
  kafka: Kafka,
  registry: SchemaRegistry,
  topic: string,
  partitions: number,
  schemas: { readonly key: AvroSchema; readonly value: AvroSchema },
  config: TopicSpec['config'] = TABLE_CONFIG,
): Promise<TopicWriter> {
  await kafka.ensureTopics([{ name: topic, partitions, config }]);
  const keys = await AvroSerde.writer<unknown>(registry, `${topic}-key`, schemas.key);
  let values = await AvroSerde.writer<unknown>(registry, `${topic}-value`, schemas.value);
  const producer = await kafka.openProducer(`${topic}-writer`);
  const write = (entries: readonly Entry[]): Promise<void> =>
    transact(
      producer,
      entries.map(([key, value]) => ({
        topic,
        partition: partitionFor(keys.encodeBody(key), partitions),
        timestamp: Date.now(),
        key: keys.encode(key),
        value: value === null ? null : values.encode(value),
      })),
    );
  const writeRaw = (key: Buffer | null, value: Buffer | null): Promise<void> =>
    transact(producer, [{ topic, partition: 0, timestamp: Date.now(), key, value }]);
  return {
    topic,
    write,
    async evolve(value) {
      values = await AvroSerde.writer<unknown>(registry, `${topic}-value`, value);
    },
    writeRaw,
    writeValue: (value) => writeRaw(null, values.encode(value)),
    [Symbol.asyncDispose]: () => producer[Symbol.asyncDispose](),
  };
}

async function transact(producer: TransactionalProducer, records: readonly ProducerRecord[]): Promise<void> {
  producer.begin();
  await producer.send(records);
  await producer.commit();
}
