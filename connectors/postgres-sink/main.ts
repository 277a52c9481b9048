import { argv, env, stdout } from 'node:process';
import { z } from 'zod';
import { systemClock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import { startHttpServer } from '../../infra/process/http-server.ts';
import { runUntilSignal } from '../../infra/process/lifecycle.ts';
import { type Log, createLog } from '../../infra/process/log.ts';
import { Metrics } from '../../infra/process/metrics.ts';
import { type OptionSpecs, type Options, parseOptions } from '../../infra/process/options.ts';
import { connectRegistry } from '../../schemas/serde/schema-registry.ts';
import { connectKafka } from '../kafka/kafka.ts';
import { Sink } from './sink.ts';
import { createSinkMetrics } from './sink-metrics.ts';
import { parseTableMapping } from './table-mapping.ts';

const PORT_MAX = 65_535;

const SPECS = {
  databaseUrl: { schema: z.string(), help: 'target database, postgres://..', secret: true },
  kafkaBootstrapServers: {
    schema: z.string(),
    help: 'Kafka brokers, host:port, comma-separated',
    envFallback: 'KAFKA_BOOTSTRAP_SERVERS',
  },
  schemaRegistryUrl: {
    schema: z.string(),
    help: 'Confluent-compatible schema registry',
    envFallback: 'SCHEMA_REGISTRY_URL',
  },
  topicPrefix: { schema: z.string().default('millrace'), help: 'first part of every topic name' },
  tables: {
    schema: z.string().transform((text, context) => {
      try {
        return parseTableMapping(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: describe(error) });
        return z.NEVER;
      }
    }),
    help: 'which topic fills which table: topic=schema.table,.. with the topic named without its prefix',
  },
  sinkName: {
    schema: z.string().default('sink'),
    help: 'names the stored offsets and the consumer group (prefix-name); instances that share work share it',
  },
  batchRows: {
    schema: z.coerce.number().int().positive().default(2000),
    help: 'most records in one transaction',
  },
  batchBytes: {
    schema: z.coerce.number().int().positive().default(8_388_608),
    help: 'most bytes of records in one transaction',
  },
  httpPort: {
    schema: z.coerce.number().int().min(0).max(PORT_MAX).default(0),
    help: '/healthz, /readyz and /metrics; 0 takes a free port',
  },
  httpHost: { schema: z.string().default('127.0.0.1'), help: 'address that the HTTP server listens at' },
  logLevel: {
    schema: z.enum(['debug', 'info', 'warn', 'error', 'silent']).default('info'),
    help: 'least level logged',
  },
} satisfies OptionSpecs;

async function runSink(options: Options<typeof SPECS>, log: Log, signal: AbortSignal): Promise<void> {
  const tables = new Map(
    [...options.tables].map(([topic, table]) => [`${options.topicPrefix}.${topic}`, table]),
  );
  const clientId = `${options.topicPrefix}-${options.sinkName}`;
  const metrics = new Metrics();
  metrics.collectProcess();
  const brokers = options.kafkaBootstrapServers.split(',').map((broker) => broker.trim());
  await using kafka = await connectKafka({ brokers, clientId, log, clock: systemClock });
  const sink = new Sink(
    {
      sinkName: options.sinkName,
      groupId: clientId,
      tables,
      databaseUrl: options.databaseUrl,
      bounds: { rowsMax: options.batchRows, bytesMax: options.batchBytes },
    },
    {
      kafka,
      registry: connectRegistry({ url: options.schemaRegistryUrl, clientId }),
      clock: systemClock,
      random: Math.random,
      log,
      metrics: createSinkMetrics(metrics),
    },
  );
  await using server = await startHttpServer({
    port: options.httpPort,
    host: options.httpHost,
    metrics,
    readiness: sink.readiness,
  });
  log.info({ httpPort: server.port, topics: [...tables.keys()] }, 'waiting for the topics to exist');
  await kafka.waitForTopics([...tables.keys()], signal);
  log.info({ groupId: clientId }, 'topics exist');
  await sink.run(signal);
}

await runUntilSignal(createLog('info', 'sink'), async (signal) => {
  const parsed = parseOptions('millrace sink', SPECS, argv.slice(2), env);
  if (parsed.kind === 'help') stdout.write(parsed.text);
  else await runSink(parsed.options, createLog(parsed.options.logLevel, 'sink'), signal);
});
