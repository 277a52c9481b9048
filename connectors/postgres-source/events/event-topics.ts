import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { STREAM_CONFIG } from '../../../schemas/topic.ts';
import { BATCH_BYTES_MAX } from '../../kafka/partition-queue.ts';
import type { Kafka } from '../../kafka/port.ts';
import type { EndOffsets } from '../place/end-offsets.ts';

/** What it takes to make topics ready for events. */
export interface EventTopicsContext {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly ends: EndOffsets;
  readonly topicPrefix: string;
  /** Of topics that are made. */
  readonly partitions: number;
}

/** A topic that events go to: keys are Avro strings or wrap one, every event is kept as long as the topic's retention says. */
export interface EventTopic {
  readonly topic: string;
  readonly partitions: number;
  readonly keySchemaId: number;
  readonly valueSchemaId: number;
  /** The largest record that it takes. */
  readonly recordBytesMax: number;
}

/**
 * Plans topics together, registers their schemas and takes them into the progress cuts. To be called while no Kafka
 * transaction of ours is open.
 * @throws Failure `kafka.topic_drift`, `registry.*`
 */
export async function openEventTopics(
  context: EventTopicsContext,
  names: readonly string[],
  valueSchema: AvroSchema,
  keySchema: AvroSchema = 'string',
): Promise<EventTopic[]> {
  const { kafka, registry, ends, partitions } = context;
  const fresh = names.filter((name) => !ends.has(name));
  await kafka.ensureTopics(fresh.map((name) => ({ name, partitions, config: STREAM_CONFIG })));
  if (fresh.length > 0) await ends.load(kafka, fresh);
  const topics: EventTopic[] = [];
  for (const topic of names)
    topics.push({
      topic,
      partitions,
      keySchemaId: await registry.register(`${topic}-key`, keySchema),
      valueSchemaId: await registry.register(`${topic}-value`, valueSchema),
      recordBytesMax: await recordBytesMax(kafka, topic),
    });
  return topics;
}

/** As `max.message.bytes` says, and no more than the producer puts into a batch. */
async function recordBytesMax(kafka: Kafka, topic: string): Promise<number> {
  const configured = (await kafka.describeConfigs(topic)).get('max.message.bytes')?.value ?? null;
  return configured === null ? BATCH_BYTES_MAX : Math.min(Number(configured), BATCH_BYTES_MAX);
}
