import type { Kafka } from '../../../connectors/kafka/port.ts';
import type { Log } from '../../../infra/process/log.ts';
import { type PartitionPlan, planPartitions } from '../plan/partition-plan.ts';
import { type BadRecordPolicies, writesDeadLetters } from '../bad-record-policies.ts';
import type { Plan } from '../plan/plan.ts';
import { type PlanRecord, planRecord } from '../plan/plan-record.ts';
import {
  deadLetterSpec,
  internalTopics,
  resultSpec,
  resultTopics,
  sourceTopics,
} from '../plan/planned-topics.ts';
import { type SubTopology, globalSources } from '../plan/sub-topology.ts';
import type { ApplicationNames } from './application-names.ts';
import { existingPartitions } from './existing-partitions.ts';
import { checkUpgrade } from './upgrade-check.ts';

/** Numbers of partitions as they are in Kafka once every topic exists. */
export interface TopicSetup extends PartitionPlan {
  /** By Kafka name: result topics, global tables, and the dead-letter topic where a policy asks for one. */
  readonly partitions: ReadonlyMap<string, number>;
  /** The plan of this process, as it is kept. */
  readonly record: PlanRecord;
  /** The plan that the state was written under; null where none is known. */
  readonly before: PlanRecord | null;
}

interface TopicRequest {
  readonly kafka: Kafka;
  readonly log: Log;
  readonly plan: Plan;
  readonly parts: readonly SubTopology[];
  readonly names: ApplicationNames;
  readonly policies: BadRecordPolicies;
  readonly signal: AbortSignal;
}

/**
 * Creates the internal topics, the result topics and the dead-letter topic, after checking that what is joined has equal partitions, and that
 * the state which is there was written under a plan that this one can follow.
 * @throws Failure `engine.not_co_partitioned`, `engine.plan_incompatible`, `engine.stale_state`, `kafka.topic_drift` (stop)
 */
export async function setUpTopics(request: TopicRequest): Promise<TopicSetup> {
  const { kafka, plan, parts, names } = request;
  const sources = sourceTopics(plan, names);
  const counts = await Promise.all(sources.map((topic) => kafka.partitionCount(topic)));
  const partitions = new Map(sources.map((topic, index) => [topic, counts[index] ?? 0]));
  const partitionPlan = planPartitions(plan, parts, (name) => partitions.get(names.catalogue(name)) ?? 0);
  const internal = internalTopics(plan, parts, partitionPlan, names);
  const record = planRecord(plan, partitionPlan);
  const before = await checkUpgrade({ ...request, record, internal });

  const resultSpecs = await Promise.all(
    [...resultTopics(plan, names)].map(async ([name, topic]) =>
      resultSpec(name, topic, await existingPartitions(kafka, name)),
    ),
  );
  const { deadLetters } = names;
  const letters = writesDeadLetters(request.policies)
    ? [deadLetterSpec(deadLetters, await existingPartitions(kafka, deadLetters))]
    : [];
  const written = [...resultSpecs, ...letters];
  await kafka.ensureTopics([...written, ...internal]);
  for (const spec of written) partitions.set(spec.name, spec.partitions);
  return { ...partitionPlan, partitions, record, before };
}

/** The partitions of the topics behind a plan's global tables, with the source that reads each. */
export function globalPartitions(
  plan: Plan,
  names: ApplicationNames,
  setup: TopicSetup,
): { topic: string; partition: number; sourceId: string }[] {
  return globalSources(plan).flatMap((source) => {
    const topic = names.catalogue(source.topic.name);
    const count = setup.partitions.get(topic) ?? 0;
    return Array.from({ length: count }, (_, partition) => ({ topic, partition, sourceId: source.id }));
  });
}
