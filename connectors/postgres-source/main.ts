import { argv, env, stdout } from 'node:process';
import { z } from 'zod';
import { systemClock } from '../../infra/process/clock.ts';
import { startHttpServer } from '../../infra/process/http-server.ts';
import { runUntilSignal } from '../../infra/process/lifecycle.ts';
import { type Log, type LogLevel, createLog } from '../../infra/process/log.ts';
import { Metrics } from '../../infra/process/metrics.ts';
import { type OptionSpec, type Options, parseOptions } from '../../infra/process/options.ts';
import { connectRegistry } from '../../schemas/serde/schema-registry.ts';
import { connectKafka } from '../kafka/kafka.ts';
import { BATCH_BYTES_MAX } from './batcher.ts';
import { SourceMetrics } from './source-metrics.ts';
import { runSource } from './source.ts';

const text = z.string({ error: 'a value is required' }).min(1);
const commaList = (schema: z.ZodString): z.ZodType<string[], string | undefined> =>
  z
    .string()
    .default('')
    .transform((list) => list.split(',').map((item) => item.trim()))
    .transform((items) => items.filter((item) => item !== ''))
    .pipe(z.array(schema));
const wholeNumber = (fallback: string): z.ZodType<number, string | undefined> =>
  z.string().regex(/^\d+$/, 'a whole number is expected').default(fallback).transform(Number);

const tableName = z.string().regex(/^[^.]+\.[^.]+$/, 'schema.table is expected');
const slotName = z.string().regex(/^[a-z0-9_]{1,63}$/, 'lower-case letters, digits and _ only');

const OPTIONS = {
  databaseUrl: {
    schema: text,
    help: 'source database, postgres://user:password@host:port/name',
    secret: true,
  },
  kafkaBootstrapServers: {
    schema: text,
    help: 'Kafka brokers, host:port, comma-separated',
    envFallback: 'KAFKA_BOOTSTRAP_SERVERS',
  },
  schemaRegistryUrl: {
    schema: text,
    help: 'Confluent-compatible schema registry',
    envFallback: 'SCHEMA_REGISTRY_URL',
  },
  topicPrefix: { schema: text.default('millrace'), help: 'begins the names of all topics' },
  tables: {
    schema: commaList(tableName),
    help: 'schema.table, comma-separated: makes the publication if it is missing',
  },
  slotName: { schema: slotName.default('millrace'), help: 'replication slot, made if it is missing' },
  publicationName: { schema: text.default('millrace'), help: 'publication that says what is read' },
  partitions: { schema: wholeNumber('4'), help: 'partitions of topics that are made' },
  batchBytesMax: {
    schema: wholeNumber(String(BATCH_BYTES_MAX)),
    help: 'bytes of rows in one Kafka transaction',
  },
  httpPort: { schema: wholeNumber('0'), help: 'port of /healthz, /readyz and /metrics; 0 takes a free one' },
  httpHost: { schema: text.default('127.0.0.1'), help: 'address that the HTTP port listens on' },
  logLevel: {
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info') as z.ZodType<
      LogLevel,
      string | undefined
    >,
    help: 'debug, info, warn, error or silent',
  },
} satisfies Record<string, OptionSpec>;

async function run(options: Options<typeof OPTIONS>, log: Log, signal: AbortSignal): Promise<void> {
  const metrics = new Metrics();
  metrics.collectProcess();
  const sourceMetrics = new SourceMetrics(metrics);
  await using http = await startHttpServer({
    port: options.httpPort,
    host: options.httpHost,
    metrics,
    readiness: () => sourceMetrics.phase,
  });
  log.info({ httpPort: http.port }, 'listening');
  const clientId = `millrace-source-${options.slotName}`;
  const brokers = options.kafkaBootstrapServers.split(',').map((broker) => broker.trim());
  const context = {
    connectKafka: () => connectKafka({ brokers, clientId, log, clock: systemClock }),
    registry: connectRegistry({ url: options.schemaRegistryUrl, clientId }),
    clock: systemClock,
    random: Math.random,
    log,
    metrics: sourceMetrics,
  };
  await runSource(options, context, signal);
}

const startLog = createLog('info', 'source');
await runUntilSignal(startLog, async (signal) => {
  const parsed = parseOptions('node connectors/postgres-source/main.ts', OPTIONS, argv.slice(2), env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else await run(parsed.options, createLog(parsed.options.logLevel, 'source'), signal);
});
