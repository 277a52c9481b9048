import type { AvroSchema } from './avro-schema.ts';
import type { Schema } from './schema.ts';

/** A stream keeps every event; a table keeps the last value of each key. */
export type TopicKind = 'stream' | 'table';

/**
 * One entry of the catalogue: what the bytes on a topic mean. `name` is without the deployment's prefix. `K` and `V`
 * exist for the compiler only.
 */
export interface Topic<K, V> {
  readonly name: string;
  readonly kind: TopicKind;
  readonly key: AvroSchema;
  readonly value: AvroSchema;
  /** Number of partitions it is created with. A topic that exists keeps its own number. */
  readonly partitions: number;
  readonly types?: { readonly key: K; readonly value: V };
}

/** A compacted topic: the rows of a source table, or a result that is materialised. */
export function tableTopic<K, V>(
  name: string,
  key: Schema<K>,
  value: Schema<V>,
  partitions: number,
): Topic<K, V> {
  return { name, kind: 'table', key: key.avro, value: value.avro, partitions };
}

/** A topic of events, each of which counts; how long they are kept is the broker's or the writer's to say. */
export function streamTopic<K, V>(
  name: string,
  key: Schema<K>,
  value: Schema<V>,
  partitions: number,
): Topic<K, V> {
  return { name, kind: 'stream', key: key.avro, value: value.avro, partitions };
}

/** The name of a topic in Kafka. */
export function topicName(prefix: string, topic: Pick<Topic<unknown, unknown>, 'name'>): string {
  return `${prefix}.${topic.name}`;
}

/** Topic configs that keep a table: the last value per key, and tombstones for a day. */
export const TABLE_CONFIG: Readonly<Record<string, string>> = {
  'cleanup.policy': 'compact',
  'delete.retention.ms': '86400000',
};

export const STREAM_CONFIG: Readonly<Record<string, string>> = { 'cleanup.policy': 'delete' };
