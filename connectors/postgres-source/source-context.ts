import type { Clock } from '../../infra/process/clock.ts';
import type { Log } from '../../infra/process/log.ts';
import { progressTopicName } from '../../schemas/change-event.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { Kafka } from '../kafka/port.ts';
import type { SourceMetrics } from './source-metrics.ts';
import { positionTopicName } from './topics.ts';

export interface SourceOptions {
  readonly databaseUrl: string;
  readonly topicPrefix: string;
  /** `schema.table`; makes the publication when it is missing. Empty: the publication says what is read. */
  readonly tables: readonly string[];
  readonly slotName: string;
  readonly publicationName: string;
  /** Of topics that are made. */
  readonly partitions: number;
  /** Bytes of rows in one Kafka transaction. */
  readonly batchBytesMax: number;
}

export interface SourceContext {
  readonly connectKafka: () => Promise<Kafka>;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: SourceMetrics;
}

/** Names in Kafka that belong to this source alone. */
export interface SourceNames {
  readonly transactionalId: string;
  readonly positionTopic: string;
  readonly progressTopic: string;
}

export function sourceNames(options: Pick<SourceOptions, 'topicPrefix' | 'slotName'>): SourceNames {
  return {
    transactionalId: `${options.topicPrefix}-source-${options.slotName}`,
    positionTopic: positionTopicName(options.topicPrefix),
    progressTopic: progressTopicName(options.topicPrefix),
  };
}
