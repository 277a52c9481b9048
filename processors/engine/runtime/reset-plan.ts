import type { GroupMemberDescription, Kafka, PartitionOffset } from '../../../connectors/kafka/port.ts';
import type { Plan, SinkNode } from '../plan/plan.ts';
import type { ApplicationNames } from './application-names.ts';
import { sourceTopics } from '../plan/planned-topics.ts';

/** What there is to take away of a pipeline, so that it begins from nothing. */
export interface ResetPlan {
  readonly groupId: string;
  /** Members of the group as they are now; while there are any, nothing may be taken away. */
  readonly members: readonly GroupMemberDescription[];
  /** What the group has committed of the topics that the pipeline reads now; it goes with the group. */
  readonly offsets: readonly PartitionOffset[];
  /** And the plan that they were written under. */
  readonly changelogs: readonly string[];
  readonly repartitions: readonly string[];
  /** Empty unless they are asked for. Dead letters are results. */
  readonly results: readonly string[];
  /** Result topics that stay. */
  readonly kept: readonly string[];
  /** Local state of all instances on this machine; null: none was named, or there is none. */
  readonly stateDir: string | null;
  /** An earlier reset has begun and not ended. */
  readonly isInterrupted: boolean;
}

export interface ResetRequest {
  readonly plan: Plan;
  readonly names: ApplicationNames;
  /** Whether the topics that the pipeline writes go too. */
  readonly results: boolean;
  /** Where the pipeline's local state is on this machine; null: nobody has said. */
  readonly stateDir: string | null;
  /** Whether a directory exists. */
  readonly isThere: (directory: string) => Promise<boolean>;
}

/** Looks at everything that belongs to the pipeline alone, by the plan as it is now, and changes nothing. */
export async function planReset(kafka: Kafka, request: ResetRequest): Promise<ResetPlan> {
  const { plan, names, stateDir } = request;
  const groupId = names.applicationId;
  const [group] = await kafka.describeGroups([groupId]);
  const repartitions = plan.repartitions.map(({ name }) => names.repartition(name));
  const stores = plan.stores.filter(({ changelog }) => changelog);
  const changelogs = stores.map(({ name }) => names.changelog(name));
  const sinks = plan.nodes.filter((node): node is SinkNode => node.operator === 'sink');
  const written = await kafka.existingTopics([
    ...new Set(sinks.map(({ topic }) => names.catalogue(topic.name))),
    names.deadLetters,
  ]);
  return {
    groupId,
    members: group?.members ?? [],
    offsets: await committed(kafka, groupId, [...sourceTopics(plan, names), ...repartitions]),
    changelogs: await kafka.existingTopics([...changelogs, names.plan]),
    repartitions: await kafka.existingTopics(repartitions),
    results: request.results ? written : [],
    kept: request.results ? [] : written,
    stateDir: stateDir !== null && (await request.isThere(stateDir)) ? stateDir : null,
    isInterrupted: (await kafka.existingTopics([names.resetMark])).length > 0,
  };
}

async function committed(
  kafka: Kafka,
  groupId: string,
  topics: readonly string[],
): Promise<readonly PartitionOffset[]> {
  const partitions = [];
  for (const topic of await kafka.existingTopics(topics)) {
    const count = await kafka.partitionCount(topic);
    for (let partition = 0; partition < count; partition++) partitions.push({ topic, partition });
  }
  if (partitions.length === 0) return [];
  const offsets = await kafka.committedOffsets(groupId, partitions);
  return partitions.flatMap((partition, index) => {
    const offset = offsets[index] ?? null;
    return offset === null ? [] : [{ ...partition, offset }];
  });
}
