import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Compression } from '../../../connectors/kafka/compression.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { runUntilSignal } from '../../../infra/process/lifecycle.ts';
import { createLog } from '../../../infra/process/log.ts';
import { Metrics } from '../../../infra/process/metrics.ts';
import { engineMetrics } from '../../../processors/engine/runtime/engine-metrics.ts';
import { runPipeline } from '../../../processors/engine/runtime/run-pipeline.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { type Query, namedQuery } from './queries.ts';

/** What the bench asks for. */
export interface EngineSpec {
  readonly query: Query;
  /** Of the pipeline. */
  readonly name: string;
  readonly prefix: string;
  readonly brokers: string;
  readonly registryUrl: string;
  readonly compression: Compression;
  readonly eventsPerSecond: number;
}

/** Those of the processor role where nothing is said. */
const COMMIT_INTERVAL_MS = 100;
const SESSION_TIMEOUT_MS = 10_000;

/** A query run as the processor role runs a pipeline; the role knows only those of the product. */
const spec = JSON.parse(process.argv[2] ?? '') as EngineSpec;
const log = createLog('info', 'processor');
await runUntilSignal(log, async (signal) => {
  const { topology } = namedQuery(spec.query, spec.name, spec);
  const brokers = spec.brokers.split(',');
  const options = { brokers, clientId: spec.name, compression: spec.compression, log, clock: systemClock };
  await using kafka = await connectKafka(options);
  const metrics = new Metrics();
  metrics.collectProcess();
  const environment = {
    kafka,
    registry: connectRegistry({ url: spec.registryUrl, clientId: spec.name }),
    clock: systemClock,
    log,
    metrics: engineMetrics(metrics, topology.name),
  };
  const settings = {
    topology,
    topicPrefix: spec.prefix,
    instance: 'bench',
    commitIntervalMs: COMMIT_INTERVAL_MS,
    sessionTimeoutMs: SESSION_TIMEOUT_MS,
    random: Math.random,
    onState: (reason: string | null): void => log.info({}, reason ?? 'running'),
  };
  await runPipeline(environment, settings, signal);
});
