import type { Kafka } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { type BodySerdes, bodySerdes } from '../body-serdes.ts';
import { type SubTopology, subTopologies } from '../plan/sub-topology.ts';
import type { BadRecordPolicies } from '../bad-record-policies.ts';
import type { Topology } from '../topology.ts';
import type { ApplicationNames } from './application-names.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import { type OutputEncoder, outputEncoders } from './output-encoder.ts';
import { refuseUnfinishedReset } from './reset-pipeline.ts';
import { type TopicSetup, setUpTopics } from './topic-setup.ts';

/** What the environment gives to a pipeline. */
export interface Environment {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: EngineMetrics;
}

/** A pipeline whose topics and schemas are in place: what every session of it starts from. */
export interface Application extends Environment {
  readonly topology: Topology;
  readonly names: ApplicationNames;
  readonly parts: readonly SubTopology[];
  readonly setup: TopicSetup;
  readonly serdes: BodySerdes;
  readonly encoders: ReadonlyMap<string, OutputEncoder>;
  readonly policies: BadRecordPolicies;
}

/** @throws Failure `engine.reset_unfinished`, `engine.not_co_partitioned`, `kafka.topic_drift` (stop) */
export async function setUpApplication(
  environment: Environment,
  topology: Topology,
  names: ApplicationNames,
  policies: BadRecordPolicies,
  signal: AbortSignal,
): Promise<Application> {
  const { kafka, registry, log } = environment;
  const { plan } = topology;
  const parts = subTopologies(plan);
  await refuseUnfinishedReset(kafka, names);
  const setup = await setUpTopics({ kafka, log, plan, parts, names, policies, signal });
  const serdes = bodySerdes(registry);
  const encoders = await outputEncoders(plan, names, setup, registry, serdes);
  return { ...environment, topology, names, parts, setup, serdes, encoders, policies };
}
