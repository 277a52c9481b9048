import { argv, env } from 'node:process';
import { z } from 'zod';
import { systemClock } from '../../infra/process/clock.ts';
import { startHttpServer } from '../../infra/process/http-server.ts';
import type { Log } from '../../infra/process/log.ts';
import { Metrics } from '../../infra/process/metrics.ts';
import type { OptionSpecs, Options } from '../../infra/process/options.ts';
import { ROLE_OPTIONS, count, postgresUrl, requiredText } from '../../infra/process/role-options.ts';
import { runRole } from '../../infra/process/role.ts';
import { keepYoungHeapSmall } from '../../infra/process/heap.ts';
import { connectRegistry } from '../../schemas/serde/schema-registry.ts';
import { kafkaSecurity } from '../kafka/configured-security.ts';
import { connectKafka } from '../kafka/kafka.ts';
import { PRODUCER_OPTIONS } from '../kafka/producer-options.ts';
import { KAFKA_SECURITY_OPTIONS } from '../kafka/security-options.ts';
import { FAILOVER_OPTIONS } from './place/failover-options.ts';
import { FILTER_OPTIONS, verifyFilters } from './shapes/filter-options.ts';
import { BATCH_BYTES_MAX } from './publish/batcher.ts';
import { DEFERRED_KEY_BYTES_MAX } from './changes/deferred-keys.ts';
import { ENVELOPE_OPTIONS, verifyEnvelope } from './records/envelope-options.ts';
import { EventCounts } from './publish/event-counts.ts';
import { OUTBOX_OPTIONS, eventOptions } from './events/outbox-options.ts';
import { SCHEMA_OPTIONS } from './shapes/schema-options.ts';
import { SourceMetrics } from './source-metrics.ts';
import type { SourceOptions } from './source-context.ts';
import { runSource } from './source.ts';
import { TOAST_OPTIONS } from './toast/toast-options.ts';
import { TYPE_OPTIONS } from './types/type-options.ts';

const commaList = (item: z.ZodString): z.ZodType<string[]> =>
  z
    .string()
    .default('')
    .transform((list) => list.split(',').map((text) => text.trim()))
    .transform((items) => items.filter((text) => text !== ''))
    .pipe(z.array(item));

const tableName = z.string().regex(/^[^.]+\.[^.]+$/, 'schema.table is expected');
const slotName = z.string().regex(/^[a-z0-9_]{1,63}$/, 'lower-case letters, digits and _ only');

const OPTIONS = {
  ...ROLE_OPTIONS,
  ...KAFKA_SECURITY_OPTIONS,
  ...PRODUCER_OPTIONS,
  databaseUrl: {
    schema: postgresUrl,
    help: 'source database, postgres://user:password@host:port/name',
    secret: true,
  },
  tables: {
    schema: commaList(tableName),
    help: 'schema.table, comma-separated: makes the publication if it is missing',
  },
  ...OUTBOX_OPTIONS,
  ...FILTER_OPTIONS,
  ...TYPE_OPTIONS,
  ...ENVELOPE_OPTIONS,
  ...FAILOVER_OPTIONS,
  ...TOAST_OPTIONS,
  ...SCHEMA_OPTIONS,
  slotName: { schema: slotName.default('millrace'), help: 'replication slot, made if it is missing' },
  publicationName: { schema: requiredText.default('millrace'), help: 'publication that says what is read' },
  partitions: { schema: count.default(4), help: 'partitions of topics that are made' },
  batchBytesMax: {
    schema: count.default(BATCH_BYTES_MAX),
    help: 'bytes of rows in one Kafka transaction',
  },
  deferredKeyBytesMax: {
    schema: count.default(DEFERRED_KEY_BYTES_MAX),
    help: 'bytes of rows that one transaction may change in tables with deferrable keys (REPLICA IDENTITY FULL)',
  },
  processingGuarantee: {
    schema: z.enum(['exactly_once', 'at_least_once']).default('exactly_once'),
    help: 'exactly_once (rows are readable when their Kafka transaction commits) or at_least_once (rows go outside of transactions; after a crash some come again)',
  },
  snapshotMode: {
    schema: z.enum(['chunked', 'exported']).default('chunked'),
    help: 'how tables are first read: chunked (beside the stream, by key; goes on where it was after a crash) or exported (before the stream, as they are stored; for windows in event time)',
  },
  chunkRowsMax: { schema: count.default(20_000), help: 'rows in one chunk of a table that is copied' },
  tablesAtOnce: {
    schema: count.default(2),
    help: 'tables that are copied at the same time; each takes two sessions',
  },
  rangesAtOnce: {
    schema: count.default(1),
    help: 'sessions that read one table with exported; more than 1 gives up the order in which it is stored',
  },
} as const satisfies OptionSpecs;

/** The outbox is read through the publication like the tables. @throws Failure `config.invalid` */
function withEvents(options: Options<typeof OPTIONS>): SourceOptions {
  const events = eventOptions(options);
  const outbox = events.outbox?.table ?? null;
  const isNamed = outbox === null || options.tables.includes(outbox);
  return { ...options, ...events, tables: isNamed ? options.tables : [...options.tables, outbox] };
}

async function run(options: Options<typeof OPTIONS>, log: Log, signal: AbortSignal): Promise<void> {
  const metrics = new Metrics();
  metrics.collectProcess();
  const sourceMetrics = new SourceMetrics(metrics);
  await using http = await startHttpServer({
    port: options.httpPort,
    host: options.httpHost,
    metrics,
    readiness: () => sourceMetrics.phase,
    pages: { '/copies': () => sourceMetrics.copies },
  });
  log.info({ httpPort: http.port }, 'listening');
  const clientId = `millrace-source-${options.slotName}`;
  const brokers = options.kafkaBootstrapServers;
  const security = kafkaSecurity(options);
  const { compressionType: compression } = options;
  const context = {
    connectKafka: () => connectKafka({ brokers, clientId, security, compression, log, clock: systemClock }),
    registry: connectRegistry({ url: options.schemaRegistryUrl, clientId }),
    clock: systemClock,
    random: Math.random,
    log,
    metrics: sourceMetrics,
    eventCounts: new EventCounts(metrics, log),
  };
  await runSource(withEvents(options), context, signal);
}

keepYoungHeapSmall();
await runRole(
  {
    name: 'source',
    command: 'node connectors/postgres-source/main.ts',
    options: OPTIONS,
    verify(options) {
      kafkaSecurity(options);
      verifyFilters(options);
      verifyEnvelope(options);
      withEvents(options);
    },
    run,
  },
  argv.slice(2),
  env,
);
