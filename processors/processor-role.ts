import { hostname } from 'node:os';
import { z } from 'zod';
import { kafkaSecurity } from '../connectors/kafka/configured-security.ts';
import { connectKafka } from '../connectors/kafka/kafka.ts';
import { PRODUCER_OPTIONS } from '../connectors/kafka/producer-options.ts';
import { KAFKA_SECURITY_OPTIONS } from '../connectors/kafka/security-options.ts';
import { systemClock } from '../infra/process/clock.ts';
import { startHttpServer } from '../infra/process/http-server.ts';
import type { Log } from '../infra/process/log.ts';
import { Metrics } from '../infra/process/metrics.ts';
import type { OptionSpecs, Options } from '../infra/process/options.ts';
import { GROUP_OPTIONS, ROLE_OPTIONS, count } from '../infra/process/role-options.ts';
import { connectRegistry } from '../schemas/serde/schema-registry.ts';
import { BAD_RECORD_OPTIONS, badRecordPolicies } from './bad-record-options.ts';
import { type Whereabouts, answerQuery } from './engine/inspection/http-queries.ts';
import { StateQueries } from './engine/inspection/state-queries.ts';
import { applicationNames } from './engine/runtime/application-names.ts';
import { PROCESSING_GUARANTEES } from './engine/runtime/commit-channel.ts';
import { engineMetrics } from './engine/runtime/engine-metrics.ts';
import { PURGE_INTERVAL_MS } from './engine/runtime/repartition-purge.ts';
import { runPipeline } from './engine/runtime/run-pipeline.ts';
import { taskOwner } from './engine/runtime/task-owner.ts';
import type { Topology } from './engine/topology.ts';
import { STATE_OPTIONS, stateHome } from './state-options.ts';

/** What a processor is told beside its pipeline. */
export const PROCESSOR_OPTIONS = {
  ...ROLE_OPTIONS,
  ...KAFKA_SECURITY_OPTIONS,
  ...PRODUCER_OPTIONS,
  ...GROUP_OPTIONS,
  ...STATE_OPTIONS,
  processingGuarantee: {
    schema: z.enum(PROCESSING_GUARANTEES).default('exactly_once_v2'),
    help: 'exactly_once_v2 (results, state and input offsets are one transaction) or at_least_once (no transactions: what a crash interrupts is done again, which only keyed results that do not add up bear)',
  },
  ...BAD_RECORD_OPTIONS,
  autoRegisterSchemas: {
    schema: z
      .enum(['true', 'false'])
      .default('true')
      .transform((text) => text === 'true'),
    help: 'whether the schemas of result topics are registered at the start; false, for production, takes only what `millrace schemas register` has registered, and stops without it',
  },
  commitIntervalMs: {
    schema: count.default(100),
    help: 'longest time between two commits while records flow, milliseconds',
  },
  repartitionPurgeIntervalMs: {
    schema: count.default(PURGE_INTERVAL_MS),
    help: 'time between two deletions of repartitioned records that are processed, milliseconds',
  },
  httpQueries: {
    schema: z
      .enum(['true', 'false'])
      .default('true')
      .transform((text) => text === 'true'),
    help: 'whether /state and /why of the HTTP port answer with rows of the local state',
  },
} as const satisfies OptionSpecs;

/** Runs a pipeline, beside an HTTP server that tells how it is, until the signal aborts. */
export async function runProcessor(
  topology: Topology,
  options: Options<typeof PROCESSOR_OPTIONS>,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const { topicPrefix, compressionType: compression, instance: groupInstanceId } = options;
  // One host name may stand for many short lives: only a name that was given promises to come back.
  const instance = groupInstanceId ?? hostname();
  const names = applicationNames(topicPrefix, topology.name);
  const clientId = names.transactionalId(instance);
  const metrics = new Metrics();
  metrics.collectProcess();
  const queries = new StateQueries();
  let whereabouts: Whereabouts = () => Promise.resolve(null);
  let waitingFor: string | null = 'connecting to Kafka';
  await using server = await startHttpServer({
    port: options.httpPort,
    host: options.httpHost,
    metrics,
    readiness: () => waitingFor,
    ...(options.httpQueries && { answer: (url: URL) => answerQuery(queries, whereabouts, url) }),
  });
  log.info({ httpPort: server.port, pipeline: topology.name, instance }, 'listening');
  await using kafka = await connectKafka({
    brokers: options.kafkaBootstrapServers,
    clientId,
    security: kafkaSecurity(options),
    compression,
    log,
    clock: systemClock,
  });
  whereabouts = taskOwner(kafka, topology.plan, names, log);
  const { schemaRegistryUrl: url, autoRegisterSchemas } = options;
  const registeredBy = `npm run millrace -- schemas register --topic-prefix ${topicPrefix} --schema-registry-url ${url}`;
  const registry = connectRegistry({ url, clientId, ...(!autoRegisterSchemas && { registeredBy }) });
  const ofEngine = engineMetrics(metrics, topology.name);
  const environment = { kafka, registry, log, clock: systemClock, metrics: ofEngine };
  const onState = (reason: string | null): void => {
    if (reason !== waitingFor) log.info({}, reason ?? 'running');
    waitingFor = reason;
  };
  const { random } = Math;
  await runPipeline(
    environment,
    {
      ...options,
      topology,
      instance,
      ...(groupInstanceId === undefined ? {} : { groupInstanceId }),
      queries,
      badRecords: badRecordPolicies(options),
      openHome: () => stateHome(options, names.applicationId, instance, log),
      random,
      onState,
    },
    signal,
  );
}
