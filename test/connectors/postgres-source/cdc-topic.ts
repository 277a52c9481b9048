import { inject } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { ConsumerRecord, Kafka } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { compileType } from '../../../schemas/serde/avro-type.ts';
import { type SchemaRegistry, connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { bodyOf, schemaIdOf } from '../../../schemas/serde/wire-format.ts';

// A question on the heels of the last one takes the processor from what is waited for.
const POLL_MS = 10;

/** A record of a CDC topic, decoded with the schemas that the registry has for it. */
export interface Event {
  readonly key: Readonly<Record<string, unknown>> | null;
  /** Null for a tombstone. */
  readonly value: Readonly<Record<string, unknown>> | null;
  readonly op: string;
  /** `(lsn, seq)`, what tells one event from another. */
  readonly identity: string;
  readonly record: ConsumerRecord;
}

type TopicEnd = 'high-watermark' | 'last-stable';

/** What a read-committed reader of Kafka sees. */
export class KafkaView implements AsyncDisposable {
  readonly kafka: Kafka;
  readonly #registry: SchemaRegistry;

  private constructor(kafka: Kafka) {
    this.kafka = kafka;
    this.#registry = connectRegistry({ url: inject('registryUrl'), clientId: 'source-test' });
  }

  /** @param servers `host:port`, comma-separated, where they are not those of all tests */
  static async open(servers = inject('kafkaBrokers')): Promise<KafkaView> {
    const brokers = servers.split(',');
    return new KafkaView(
      await connectKafka({ brokers, clientId: 'source-test', log: silentLog, clock: systemClock }),
    );
  }

  /** All events of a topic so far, in the order of their identities. */
  async events(topic: string, until?: TopicEnd): Promise<Event[]> {
    const records = await this.records(topic, until);
    const events: Event[] = [];
    for (const record of records) events.push(await this.#event(record));
    return events.toSorted((a, b) => (a.identity < b.identity ? -1 : 1));
  }

  /** Reads until there are `count` events, and gives all that are there then. */
  async eventsOnce(topic: string, count: number): Promise<Event[]> {
    for (;;) {
      const events = await this.events(topic);
      if (events.length >= count) return events;
      await systemClock.sleep(POLL_MS);
    }
  }

  /** The last value of every key: what a compacted topic stands for. */
  async table(topic: string): Promise<Map<string, Readonly<Record<string, unknown>>>> {
    const rows = new Map<string, Readonly<Record<string, unknown>>>();
    for (const record of await this.records(topic)) {
      const { key, value } = await this.#event(record);
      const id = Object.values(key ?? {}).join('/');
      if (value === null) rows.delete(id);
      else rows.set(id, value);
    }
    return rows;
  }

  /** The schema that a value was written with. */
  async schemaOf({ record }: Event): Promise<AvroRecord> {
    return (await this.#registry.schemaById(schemaIdOf(record.value ?? Buffer.alloc(0)))) as AvroRecord;
  }

  /**
   * All that was committed when this is called. Kafka transactions that are open then are waited for: a broker
   * acknowledges a commit before all of its partitions say so. With `last-stable` they are left out: that of a writer
   * that was killed stays open until another one comes, or for half a minute.
   */
  async records(topic: string, until: TopicEnd = 'high-watermark'): Promise<ConsumerRecord[]> {
    const count = await this.kafka.partitionCount(topic);
    const partitions = Array.from({ length: count }, (_, partition) => ({ topic, partition }));
    const ends = await this.kafka.listOffsets(partitions, until);
    const isOpen = async (): Promise<boolean> => {
      const stable = await this.kafka.listOffsets(partitions, 'last-stable');
      return stable.some((offset, partition) => offset < (ends[partition] ?? 0));
    };
    while (await isOpen()) await systemClock.sleep(POLL_MS);
    await using fetcher = this.kafka.openFetcher();
    const open = partitions.filter(({ partition }) => (ends[partition] ?? 0) > 0);
    fetcher.assign(open.map((partition) => ({ ...partition, offset: 0 })));
    const records: ConsumerRecord[] = [];
    const missing = new Set(open.map(({ partition }) => partition));
    while (missing.size > 0)
      for (const batch of await fetcher.poll(1000)) {
        records.push(...batch.records);
        if (batch.nextOffset >= (ends[batch.partition] ?? 0)) missing.delete(batch.partition);
      }
    return records;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kafka[Symbol.asyncDispose]();
  }

  async #event(record: ConsumerRecord): Promise<Event> {
    const key = await this.#decode(record.key);
    const value = await this.#decode(record.value);
    const headers = new Map(record.headers.map((header) => [header.key, header.value?.toString('utf8')]));
    const envelope = value as Readonly<Record<string, string | bigint>> | null;
    const fact = (name: string): string => String(envelope?.[name] ?? headers.get(name));
    const place = [fact('__lsn'), fact('__seq')].map((part) => part.padStart(20, '0')).join('/');
    return { key, value, op: fact('__op'), identity: place, record };
  }

  async #decode(framed: Buffer | null): Promise<Readonly<Record<string, unknown>> | null> {
    if (framed === null) return null;
    const schema = await this.#registry.schemaById(schemaIdOf(framed));
    return compileType(schema).fromBuffer(bodyOf(framed)) as Readonly<Record<string, unknown>>;
  }
}
