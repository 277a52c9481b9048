import { hostname } from 'node:os';
import { argv, env, stdout } from 'node:process';
import { z } from 'zod';
import { connectKafka } from '../connectors/kafka/kafka.ts';
import { systemClock } from '../infra/process/clock.ts';
import { startHttpServer } from '../infra/process/http-server.ts';
import { runUntilSignal } from '../infra/process/lifecycle.ts';
import { type Log, createLog } from '../infra/process/log.ts';
import { Metrics } from '../infra/process/metrics.ts';
import { type OptionSpecs, type Options, parseOptions } from '../infra/process/options.ts';
import { connectRegistry } from '../schemas/serde/schema-registry.ts';
import { describeTopology } from './engine/plan/describe.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { engineMetrics } from './engine/runtime/engine-metrics.ts';
import { runPipeline } from './engine/runtime/run-pipeline.ts';
import type { Topology } from './engine/topology.ts';
import { customerRevenue } from './pipelines/customer-revenue.ts';
import { orderFulfilment } from './pipelines/order-fulfilment.ts';

const PORT_MAX = 65_535;

const PIPELINES = [orderFulfilment, customerRevenue];
const byName = new Map(PIPELINES.map((pipeline) => [pipeline.name, pipeline]));

const SPECS = {
  pipeline: {
    schema: z.string().transform((name, context): Topology => {
      const pipeline = byName.get(name);
      if (pipeline !== undefined) return pipeline;
      context.addIssue({
        code: 'custom',
        message: `no pipeline "${name}"; there are ${[...byName.keys()].join(', ')}`,
      });
      return z.NEVER;
    }),
    help: `the pipeline to run: ${[...byName.keys()].join(', ')}`,
  },
  kafkaBootstrapServers: {
    schema: z.string().default('localhost:9092'),
    help: 'Kafka brokers, host:port, comma-separated',
    envFallback: 'KAFKA_BOOTSTRAP_SERVERS',
  },
  schemaRegistryUrl: {
    schema: z.string().default('http://localhost:8081'),
    help: 'Confluent-compatible schema registry',
    envFallback: 'SCHEMA_REGISTRY_URL',
  },
  topicPrefix: { schema: z.string().default('millrace'), help: 'first part of every topic name' },
  instance: {
    schema: z
      .string()
      .regex(/^[a-zA-Z0-9._-]+$/)
      .default(hostname()),
    help: 'name of this process among those that share the pipeline: unique, and the same after a restart',
  },
  commitIntervalMs: {
    schema: z.coerce.number().int().positive().default(100),
    help: 'longest time between two commits while records flow, milliseconds',
  },
  sessionTimeoutMs: {
    schema: z.coerce.number().int().positive().default(10_000),
    help: 'silence after which the others take over the work of this process, milliseconds',
  },
  describe: {
    schema: z.stringbool().default(false),
    help: 'print the topology with the names of its topics, and exit',
    isSwitch: true,
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

async function runProcessor(options: Options<typeof SPECS>, log: Log, signal: AbortSignal): Promise<void> {
  const { pipeline: topology, topicPrefix, instance, commitIntervalMs, sessionTimeoutMs } = options;
  const clientId = applicationNames(topicPrefix, topology.name).transactionalId(instance);
  const metrics = new Metrics();
  metrics.collectProcess();
  let waitingFor: string | null = 'connecting to Kafka';
  await using server = await startHttpServer({
    port: options.httpPort,
    host: options.httpHost,
    metrics,
    readiness: () => waitingFor,
  });
  log.info({ httpPort: server.port, pipeline: topology.name, instance }, 'listening');
  const brokers = options.kafkaBootstrapServers.split(',').map((broker) => broker.trim());
  await using kafka = await connectKafka({ brokers, clientId, log, clock: systemClock });
  const registry = connectRegistry({ url: options.schemaRegistryUrl, clientId });
  const environment = {
    kafka,
    registry,
    log,
    clock: systemClock,
    metrics: engineMetrics(metrics, topology.name),
  };
  const onState = (reason: string | null): void => {
    if (reason !== waitingFor) log.info({}, reason ?? 'running');
    waitingFor = reason;
  };
  const { random } = Math;
  await runPipeline(
    environment,
    { topology, topicPrefix, instance, commitIntervalMs, sessionTimeoutMs, random, onState },
    signal,
  );
}

async function main(): Promise<void> {
  let log = createLog('info', 'processor');
  await runUntilSignal(log, async (signal) => {
    const parsed = parseOptions('millrace processor', SPECS, argv.slice(2), env);
    if (parsed.kind === 'help') {
      stdout.write(parsed.text);
      return;
    }
    const { options } = parsed;
    const { pipeline, topicPrefix, logLevel } = options;
    if (options.describe) {
      stdout.write(`${describeTopology(pipeline.plan, applicationNames(topicPrefix, pipeline.name))}\n`);
      return;
    }
    log = createLog(logLevel, 'processor');
    await runProcessor(options, log, signal);
  });
}

await main();
