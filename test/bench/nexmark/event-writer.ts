import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type { Kafka, ProducerRecord } from '../../../connectors/kafka/port.ts';
import { encodeProgress } from '../../../schemas/progress.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { bodyOf } from '../../../schemas/serde/wire-format.ts';
import { STREAM_CONFIG, TABLE_CONFIG, topicName } from '../../../schemas/topic.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { type EventTimes, type EventType, type NexmarkEvent, eventType, nexmarkEvent } from './generator.ts';
import type { IdKey } from './schemas.ts';
import { PARTITIONS, auctions, bids, persons } from './topics.ts';

const BATCH_RECORDS = 5_000;
const BATCHES_IN_FLIGHT = 4;

export const EVENT_TOPICS: Readonly<Record<EventType, Topic<IdKey, unknown>>> = {
  person: persons,
  auction: auctions,
  bid: bids,
};

/** Makes the records of events, Avro in the registry's frame, each where its key's body puts it. */
export class EventEncoder {
  readonly #parts: ReadonlyMap<EventType, EncoderPart>;

  private constructor(parts: ReadonlyMap<EventType, EncoderPart>) {
    this.#parts = parts;
  }

  static async open(registry: SchemaRegistry, prefix: string): Promise<EventEncoder> {
    const parts = new Map<EventType, EncoderPart>();
    for (const type of ['person', 'auction', 'bid'] as const) {
      const topic = topicName(prefix, EVENT_TOPICS[type]);
      const keys = await AvroSerde.writer<IdKey>(registry, `${topic}-key`, EVENT_TOPICS[type].key);
      const values = await AvroSerde.writer<unknown>(registry, `${topic}-value`, EVENT_TOPICS[type].value);
      parts.set(type, { topic, keys, values });
    }
    return new EventEncoder(parts);
  }

  /** @param at partition and time where they are not those of the event */
  record(
    event: NexmarkEvent,
    at: Partial<Pick<ProducerRecord, 'partition' | 'timestamp'>> = {},
  ): ProducerRecord {
    const { topic, keys, values } = this.#parts.get(event.type) as EncoderPart;
    const key = keys.encode({ id: event.type === 'bid' ? event.value.auction : event.value.id });
    const partition = partitionFor(bodyOf(key), PARTITIONS);
    return { topic, partition, timestamp: event.timeMs, key, value: values.encode(event.value), ...at };
  }
}

interface EncoderPart {
  readonly topic: string;
  readonly keys: AvroSerde<IdKey>;
  readonly values: AvroSerde<unknown>;
}

/**
 * Makes the topics of events, and the progress topic with a first cut, without which a pipeline waits for its source's
 * snapshot.
 */
export async function makeEventTopics(kafka: Kafka, prefix: string): Promise<void> {
  const topics = Object.values(EVENT_TOPICS).map((topic) => ({
    name: topicName(prefix, topic),
    partitions: PARTITIONS,
    config: { ...STREAM_CONFIG, 'retention.ms': '-1' },
  }));
  const progress = progressTopicName(prefix);
  await kafka.ensureTopics([...topics, { name: progress, partitions: 1, config: TABLE_CONFIG }]);
  await using producer = await kafka.openIdempotentProducer();
  const cut = encodeProgress({ endLsn: 1n, commitTs: 1n, systemId: 'bench', offsets: {} });
  const record = {
    topic: progress,
    partition: 0,
    timestamp: Date.now(),
    key: Buffer.from('bench'),
    value: cut,
  };
  await producer.send([record]);
}

/** Writes the events below `events` that are of the given types, as fast as it can. @returns how many */
export async function writeEvents(
  kafka: Kafka,
  encoder: EventEncoder,
  times: EventTimes,
  events: number,
  types: ReadonlySet<EventType>,
): Promise<number> {
  await using producer = await kafka.openIdempotentProducer();
  const sending: Promise<unknown>[] = [];
  let batch: ProducerRecord[] = [];
  let written = 0;
  for (let n = 0; n < events; n++) {
    if (types.has(eventType(n))) batch.push(encoder.record(nexmarkEvent(times, n)));
    if (batch.length < BATCH_RECORDS && n + 1 < events) continue;
    written += batch.length;
    sending.push(producer.send(batch));
    batch = [];
    if (sending.length >= BATCHES_IN_FLIGHT) await sending.shift();
  }
  await Promise.all(sending);
  return written;
}
