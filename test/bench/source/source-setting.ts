import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DEFERRED_KEY_BYTES_MAX } from '../../../connectors/postgres-source/changes/deferred-keys.ts';
import { EventCounts } from '../../../connectors/postgres-source/publish/event-counts.ts';
import { BATCH_BYTES_MAX } from '../../../connectors/postgres-source/publish/batcher.ts';
import type { SourceContext, SourceOptions } from '../../../connectors/postgres-source/source-context.ts';
import { SourceMetrics } from '../../../connectors/postgres-source/source-metrics.ts';
import { DEFAULT_TYPE_POLICY } from '../../../connectors/postgres-source/types/type-policy.ts';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { Metrics } from '../../../infra/process/metrics.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { RunSpec } from './run-spec.ts';

/** What the role's main.ts makes of no flags but the ones that say where things are. */
export function sourceOptions({ url, name }: RunSpec): SourceOptions {
  return {
    databaseUrl: url,
    topicPrefix: name,
    tables: [],
    slotName: name,
    publicationName: 'millrace',
    partitions: 4,
    batchBytesMax: BATCH_BYTES_MAX,
    deferredKeyBytesMax: DEFERRED_KEY_BYTES_MAX,
    processingGuarantee: 'exactly_once',
    envelope: 'row',
    tombstonesOnDelete: true,
    onTruncate: 'skip',
    transactionMetadata: false,
    messageKeyColumns: [],
    onBadRow: 'stop',
    snapshotMode: 'exported',
    chunkRowsMax: 20_000,
    tablesAtOnce: 2,
    rangesAtOnce: 1,
    slotFailover: false,
    acceptTimeline: null,
    onIncompatibleSchema: [],
    schemaChangeTopic: false,
    onRewrite: 'warn',
    tableIncludeList: [],
    tableExcludeList: [],
    columnIncludeList: [],
    columnExcludeList: [],
    columnPolicies: [],
    outbox: null,
    messages: null,
    toast: 'fill',
    toastTables: new Map(),
    stateDir: join(tmpdir(), `millrace-${name}`),
    ...DEFAULT_TYPE_POLICY,
  };
}

export function sourceContext({ registryUrl }: RunSpec, kafka: Kafka): SourceContext {
  const metrics = new Metrics();
  return {
    connectKafka: async () => kafka,
    registry: connectRegistry({ url: registryUrl, clientId: 'bench-source' }),
    clock: systemClock,
    random: Math.random,
    log: silentLog,
    metrics: new SourceMetrics(metrics),
    eventCounts: new EventCounts(metrics, silentLog),
  };
}
