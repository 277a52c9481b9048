import type { Kafka, TopicPartition } from '../../../connectors/kafka/port.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Topic } from '../../../schemas/topic.ts';

const POLL_MS = 500;

/** A result as a reader has it in hand. */
export interface ReadResult {
  readonly key: unknown;
  /** Null where a row was deleted. */
  readonly value: unknown;
}

export const partitionsOf = (topic: string, partitions: number): readonly TopicPartition[] =>
  Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));

/** Decodes what any of the peers has written: each registers its own schemas. */
export class ResultDecoder {
  readonly #keys: AvroSerde<unknown>;
  readonly #values: AvroSerde<unknown>;

  constructor(registry: SchemaRegistry, { key, value }: Topic<unknown, unknown>) {
    this.#keys = AvroSerde.reader(registry, key);
    this.#values = AvroSerde.reader(registry, value);
  }

  async decode(record: { readonly key: Buffer | null; readonly value: Buffer | null }): Promise<ReadResult> {
    const { key, value } = record;
    return { key: await part(this.#keys, key), value: await part(this.#values, value) };
  }
}

async function part(serde: AvroSerde<unknown>, bytes: Buffer | null): Promise<unknown> {
  if (bytes === null) return null;
  const missing = serde.missing(bytes);
  if (missing !== null) await serde.load(missing);
  return serde.decode(bytes);
}

/** All that a read-committed reader finds in a topic now. */
export async function* readAll(
  kafka: Kafka,
  registry: SchemaRegistry,
  name: string,
  topic: Topic<unknown, unknown>,
): AsyncGenerator<ReadResult> {
  const all = partitionsOf(name, topic.partitions);
  const ends = await kafka.listOffsets(all, 'last-stable');
  const open = new Set(all.filter((_, i) => ends[i]! > 0).map(({ partition }) => partition));
  if (open.size === 0) return;
  const decoder = new ResultDecoder(registry, topic);
  await using fetcher = kafka.openFetcher();
  fetcher.assign(
    all.filter(({ partition }) => open.has(partition)).map((partition) => ({ ...partition, offset: 0 })),
  );
  while (open.size > 0)
    for (const { partition, records, nextOffset } of await fetcher.poll(POLL_MS)) {
      for (const record of records) yield await decoder.decode(record);
      if (nextOffset >= ends[partition]!) open.delete(partition);
    }
}
