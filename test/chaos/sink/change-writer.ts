import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type { Kafka, ProducerRecord } from '../../../connectors/kafka/port.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';
import type { Change } from './changes.ts';
import { type SinkTable, TABLES } from './sink-tables.ts';

/** Creates the topics of the tables, and the writer's own. */
export async function createTopics(kafka: Kafka, positionTopic: string): Promise<void> {
  await kafka.ensureTopics([
    ...TABLES.map(({ topic, partitions, config }) => ({ name: topic, partitions, config })),
    { name: positionTopic, partitions: 1, config: TABLE_CONFIG },
  ]);
}

/** Makes records of changes, as the source does in its row envelope. */
export type ChangeEncoder = (changes: readonly Change[], timestamp: number) => ProducerRecord[];

/** Registers the schemas of all tables. */
export async function changeEncoder(registry: SchemaRegistry): Promise<ChangeEncoder> {
  const serdes = new Map<SinkTable, { key: AvroSerde<unknown>; value: AvroSerde<unknown> }>();
  for (const table of TABLES) {
    const key = await AvroSerde.writer<unknown>(registry, `${table.topic}-key`, table.keySchema);
    const value = await AvroSerde.writer<unknown>(registry, `${table.topic}-value`, table.valueSchema);
    serdes.set(table, { key, value });
  }
  return (changes, timestamp) =>
    changes.flatMap((change) => {
      const { table, id, row } = change;
      const serde = serdes.get(table);
      if (serde === undefined) return [];
      const key = table.key(id);
      return {
        topic: table.topic,
        partition: partitionFor(serde.key.encodeBody(key), table.partitions),
        timestamp,
        key: serde.key.encode(key),
        value: row === null ? null : serde.value.encode({ ...key, ...valueOf(change, row, timestamp) }),
      };
    });
}

function valueOf(
  { version, keepsBody }: Change,
  { amount, body }: NonNullable<Change['row']>,
  timestamp: number,
): Readonly<Record<string, unknown>> {
  return {
    version: BigInt(version),
    amount: amount === null ? null : BigInt(amount),
    body,
    __op: 'u',
    __commit_ts: BigInt(timestamp) * 1_000n,
    __lsn: BigInt(version),
    __seq: 0n,
    __xid: 0n,
    __unchanged: keepsBody ? ['body'] : [],
  };
}
