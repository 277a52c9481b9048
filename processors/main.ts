import { hostname } from 'node:os';
import { argv, env } from 'node:process';
import { z } from 'zod';
import { connectKafka } from '../connectors/kafka/kafka.ts';
import { systemClock } from '../infra/process/clock.ts';
import { startHttpServer } from '../infra/process/http-server.ts';
import type { Log } from '../infra/process/log.ts';
import { Metrics } from '../infra/process/metrics.ts';
import type { OptionSpecs, Options } from '../infra/process/options.ts';
import { ROLE_OPTIONS, count } from '../infra/process/role-options.ts';
import { runRole } from '../infra/process/role.ts';
import { connectRegistry } from '../schemas/serde/schema-registry.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { engineMetrics } from './engine/runtime/engine-metrics.ts';
import { runPipeline } from './engine/runtime/run-pipeline.ts';
import { PIPELINE_OPTION } from './pipeline-option.ts';

const SPECS = {
  ...ROLE_OPTIONS,
  pipeline: PIPELINE_OPTION,
  instance: {
    schema: z
      .string()
      .regex(/^[a-zA-Z0-9._-]+$/)
      .default(hostname()),
    help: 'name of this process among those that share the pipeline: unique, and the same after a restart',
  },
  commitIntervalMs: {
    schema: count.default(100),
    help: 'longest time between two commits while records flow, milliseconds',
  },
  sessionTimeoutMs: {
    schema: count.default(10_000),
    help: 'silence after which the others take over the work of this process, milliseconds',
  },
} as const satisfies OptionSpecs;

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
  const brokers = options.kafkaBootstrapServers;
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

await runRole(
  { name: 'processor', command: 'node processors/main.ts', options: SPECS, run: runProcessor },
  argv.slice(2),
  env,
);
