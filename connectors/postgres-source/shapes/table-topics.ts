import { Failure } from '../../../infra/process/failure.ts';
import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { BATCH_BYTES_MAX as PRODUCER_BATCH_BYTES_MAX } from '../../kafka/partition-queue.ts';
import type { Kafka, TopicSpec } from '../../kafka/port.ts';
import type { OnBadRow } from '../records/bad-rows.ts';
import { deadLetterTopic } from '../records/dead-letter.ts';
import type { OnTruncate } from '../records/envelope-options.ts';
import type { EndOffsets } from '../place/end-offsets.ts';
import type { TableSchema } from './table-schema.ts';
import { tableTopic, tableTopicName, versionedTopicName } from './topics.ts';

/** As large a batch as the producer makes; its records are never larger. */
export const RECORD_BYTES_MAX = PRODUCER_BATCH_BYTES_MAX;

const CLEANUP_POLICY = 'cleanup.policy';

export interface TableTopicsOptions {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly ends: EndOffsets;
  readonly topicPrefix: string;
  /** Of topics that are made here. */
  readonly partitions: number;
  readonly onBadRow: OnBadRow;
  readonly onTruncate: OnTruncate;
}

/** The topics of tables, in the versions that refused shapes have led to. */
export class TableTopics {
  readonly #options: TableTopicsOptions;

  constructor(options: TableTopicsOptions) {
    this.#options = options;
  }

  specOf(table: TableSchema, version: number): TopicSpec {
    const { topicPrefix, partitions, onTruncate } = this.#options;
    return tableTopic(topicPrefix, table, partitions, version, onTruncate === 'publish');
  }

  /** A compacted topic takes no rows without a key, and one that is not compacted forgets rows that have one. */
  async keyDefect(spec: TopicSpec, keySchema: AvroRecord | null): Promise<Failure | null> {
    const { registry, kafka } = this.#options;
    const hadKey = (await registry.latest(`${spec.name}-key`)) !== null;
    if (hadKey === (keySchema !== null)) return null;
    const { drift } = await kafka.planTopics([spec]);
    if (!drift.some(({ what }) => what === CLEANUP_POLICY)) return null;
    return hadKey
      ? keyFailure('lost', `the table has lost its key, and topic ${spec.name} is keyed`)
      : keyFailure('gained', `the table has a key now, and topic ${spec.name} was made for rows without one`);
  }

  /** Cuts go on telling the ends of the topics that the table has left. */
  async loadEarlier(table: TableSchema, version: number): Promise<void> {
    const { kafka, ends, topicPrefix } = this.#options;
    for (let earlier = 1; earlier < version; earlier++) {
      const name = versionedTopicName(tableTopicName(topicPrefix, table), earlier);
      if (ends.has(name)) continue;
      const { create } = await kafka.planTopics([{ name, partitions: 1, config: {} }]);
      if (create.length === 0) await ends.load(kafka, [name]);
    }
  }

  /** Makes the topic ready, and that of dead letters; tells the largest record that it takes. */
  async open(spec: TopicSpec): Promise<number> {
    const { kafka, ends, topicPrefix, onBadRow } = this.#options;
    if (!ends.has(spec.name)) {
      const letters = onBadRow === 'dead-letter' ? [deadLetterTopic(topicPrefix)] : [];
      await kafka.ensureTopics([spec, ...letters]);
      await ends.load(kafka, [spec.name]);
    }
    const bytesMax = (await kafka.describeConfigs(spec.name)).get('max.message.bytes')?.value ?? null;
    return bytesMax === null ? RECORD_BYTES_MAX : Math.min(Number(bytesMax), RECORD_BYTES_MAX);
  }
}

function keyFailure(what: 'lost' | 'gained', message: string): Failure {
  return new Failure(`source.key_${what}`, 'stop', message, {
    fix: 'change the primary key back, or let the table move to a new topic: --on-incompatible-schema new-topic',
  });
}
