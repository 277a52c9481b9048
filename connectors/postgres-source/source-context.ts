import type { Clock } from '../../infra/process/clock.ts';
import type { Log } from '../../infra/process/log.ts';
import { progressTopicName } from '../../schemas/change-event.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { Kafka } from '../kafka/port.ts';
import type { EnvelopeOptions } from './records/envelope-options.ts';
import type { EventCounts } from './publish/event-counts.ts';
import type { EventOptions } from './events/outbox-options.ts';
import type { FailoverOptions } from './place/failover-options.ts';
import type { OnBadRow } from './records/bad-rows.ts';
import type { SchemaOptions } from './shapes/schema-options.ts';
import type { FilterOptions } from './shapes/source-filter.ts';
import type { SourceMetrics } from './source-metrics.ts';
import type { ToastPolicies } from './toast/toast-policy.ts';
import { positionTopicName } from './shapes/topics.ts';
import type { TypePolicy } from './types/type-policy.ts';

export interface SourceOptions
  extends
    EventOptions,
    FailoverOptions,
    FilterOptions,
    TypePolicy,
    EnvelopeOptions,
    ToastPolicies,
    SchemaOptions {
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
  /** Bytes of rows that one transaction may change in tables with deferrable keys; they are held in memory. */
  readonly deferredKeyBytesMax: number;
  readonly onBadRow: OnBadRow;
  /**
   * `exactly_once`: rows and position are one Kafka transaction. `at_least_once`: rows are sent before it, so every reader
   * sees them at once; after a crash those behind the last position are sent again.
   */
  readonly processingGuarantee: 'exactly_once' | 'at_least_once';
  /**
   * How tables are read at first. `exported`: before the stream begins, in the order they are stored in, in one snapshot;
   * an interrupted table is read again. `chunked`: beside the stream, in key order, resumed where it was: exactly once,
   * but old rows come among new ones, which windows in event time may find too late.
   */
  readonly snapshotMode: 'exported' | 'chunked';
  /** Rows in one chunk of a table that is copied; a chunk is held in memory, with its bytes bounded too. */
  readonly chunkRowsMax: number;
  /** Tables that are copied at the same time; each takes two sessions. */
  readonly tablesAtOnce: number;
  /** Directory of the local store of out-of-line values: a cache of what is in Kafka. */
  readonly stateDir: string;
  /** Sessions that read one table before the stream, each other pages; more than one gives its stored order up. */
  readonly rangesAtOnce: number;
}

export interface SourceContext {
  readonly connectKafka: () => Promise<Kafka>;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly log: Log;
  readonly metrics: SourceMetrics;
  readonly eventCounts: EventCounts;
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
