import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import avro from 'avsc';
import { inject } from 'vitest';
import type { KafkaView } from './cdc-topic.ts';

/** A record of a topic in the debezium envelope, as the stock decoder of the registry's client gives it. */
export interface DebeziumEvent {
  readonly key: Readonly<Record<string, unknown>> | null;
  /** Null for a tombstone. */
  readonly value: Readonly<Record<string, unknown>> | null;
  readonly headers: ReadonlyMap<string, Buffer | null>;
  readonly partition: number;
}

/** Times in nanoseconds are no safe integers, and the stock decoder refuses them unless it is told how to read a long. */
const bigLong = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: () => {
    throw new Error('this reader does not write');
  },
  fromJSON: BigInt,
  toJSON: String,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
});

const registry = (): SchemaRegistry =>
  new SchemaRegistry(
    { host: inject('registryUrl') },
    {
      [SchemaType.AVRO]: {
        typeHook: (schema: unknown) => (schema === 'long' ? bigLong : undefined),
      } as never,
    },
  );

/** All records of a topic so far, in the order of their offsets, partition by partition. */
export async function debeziumEvents(
  view: KafkaView,
  topic: string,
  until?: Parameters<KafkaView['records']>[1],
): Promise<DebeziumEvent[]> {
  const reader = registry();
  const decode = async (bytes: Buffer | null): Promise<DebeziumEvent['value']> =>
    bytes === null ? null : ((await reader.decode(bytes)) as DebeziumEvent['value']);
  const events: DebeziumEvent[] = [];
  for (const { key, value, headers, partition } of await view.records(topic, until))
    events.push({
      key: await decode(key),
      value: await decode(value),
      headers: new Map(headers.map((header) => [header.key, header.value])),
      partition,
    });
  return events;
}

/** `op key before after` of each event; a tombstone is `- key`. */
export function toldChanges(events: readonly DebeziumEvent[]): string[] {
  const row = (image: unknown): string => (image === null ? '-' : Object.values(image as object).join('/'));
  return events.map(({ key, value }) => {
    if (value === null) return `tombstone ${row(key)}`;
    return `${String(value['op'])} ${row(key)}: ${row(value['before'])} > ${row(value['after'])}`;
  });
}
