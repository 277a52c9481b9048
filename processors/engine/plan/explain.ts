import { keySchemaOf, keyShape } from './key-shape.ts';
import { type ResultNature, resultNature } from './operator-nature.ts';
import { type PartitionPlan, planPartitions } from './partition-plan.ts';
import type { OperatorKind, Plan, PlanNode, PlanStore } from './plan.ts';
import { deadLetterSpec, internalTopics, resultSpec, resultTopics, sourceTopics } from './planned-topics.ts';
import { globalSources, subTopologies } from './sub-topology.ts';
import type { TopicNames } from './topic-names.ts';

/** Partition counts of topics that exist, by their names in Kafka; of a topic that is missing here the catalogue's counts. */
export type PartitionCounts = ReadonlyMap<string, number>;

export interface ExplainedNode {
  readonly id: string;
  readonly operator: OperatorKind;
  readonly inputs: readonly string[];
  readonly stores: readonly string[];
  /** Name in Kafka of what it reads or writes, null for a node in between. */
  readonly topic: string | null;
}

export interface ExplainedSubTopology {
  readonly id: number;
  /** `<sub-topology>_<partition>`, as metrics and logs name them. */
  readonly tasks: readonly string[];
  readonly nodes: readonly ExplainedNode[];
}

export interface ExplainedTopic {
  readonly name: string;
  /** Sources are read and never created; results and internal topics are created when they are missing. */
  readonly role: 'source' | 'result' | 'repartition' | 'changelog' | 'plan' | 'dead-letters';
  readonly partitions: number;
  /** Where the number comes from: a topic that exists, or the plan. */
  readonly partitionsFrom: 'kafka' | 'plan';
  /** What it is created with; null for a topic that is not ours. */
  readonly config: Readonly<Record<string, string>> | null;
}

export interface ExplainedStore {
  readonly name: string;
  readonly kind: PlanStore['kind'];
  /** Null for a global table, which its own topic restores. */
  readonly changelog: string | null;
  /** `task`: one per task, a part of the keys in each. `process`: the whole table in every process. */
  readonly scope: 'task' | 'process';
}

/** A step where keys of two sides must be equal byte by byte. */
export interface ExplainedJoin {
  readonly step: string;
  readonly operator: OperatorKind;
  readonly sides: readonly { readonly from: string; readonly key: string }[];
  /** Whether equal keys have equal bytes. The builder refuses a join that has not. */
  readonly likeKeys: boolean;
}

export interface ExplainedResult extends ResultNature {
  readonly topic: string;
}

/** Everything that can be told of a pipeline before it runs. */
export interface Explanation {
  readonly pipeline: string;
  /** The consumer group, too. */
  readonly applicationId: string;
  readonly subTopologies: readonly ExplainedSubTopology[];
  /** Sources of global tables: in every process, in no task. */
  readonly globals: readonly ExplainedNode[];
  readonly topics: readonly ExplainedTopic[];
  readonly stores: readonly ExplainedStore[];
  readonly joins: readonly ExplainedJoin[];
  readonly results: readonly ExplainedResult[];
}

/**
 * Numbers of partitions and tasks as the runtime will settle them.
 * @throws Failure `engine.not_co_partitioned` (stop)
 */
export function expectedPartitions(plan: Plan, names: TopicNames, counts: PartitionCounts): PartitionPlan {
  const catalogue = new Map(
    plan.nodes.flatMap((node) => ('topic' in node ? [[node.topic.name, node.topic.partitions]] : [])),
  );
  return planPartitions(
    plan,
    subTopologies(plan),
    (name) => counts.get(names.catalogue(name)) ?? catalogue.get(name) ?? 0,
  );
}

/**
 * Explains a plan. Internal topics are those that the runtime creates, with the settings that it creates them with;
 * `withDeadLetters` where the policies for bad records ask for such a topic.
 * @throws Failure `engine.not_co_partitioned` (stop)
 */
export function explain(
  plan: Plan,
  names: TopicNames,
  counts: PartitionCounts = new Map(),
  withDeadLetters = false,
): Explanation {
  const parts = subTopologies(plan);
  const partitionPlan = expectedPartitions(plan, names, counts);
  const node = (each: PlanNode): ExplainedNode => explainNode(each, names);
  return {
    pipeline: plan.pipeline,
    applicationId: names.applicationId,
    subTopologies: parts.map(({ id, nodes }) => ({
      id,
      tasks: Array.from({ length: partitionPlan.tasks[id] ?? 0 }, (_, partition) => `${id}_${partition}`),
      nodes: nodes.map(node),
    })),
    globals: globalSources(plan).map(node),
    topics: [
      ...catalogueTopics(plan, names, counts),
      ...internalTopics(plan, parts, partitionPlan, names).map(
        ({ name, role, partitions, config }): ExplainedTopic => ({
          name,
          role,
          partitions,
          partitionsFrom: 'plan',
          config,
        }),
      ),
      ...(withDeadLetters ? [deadLetterTopic(names, counts)] : []),
    ],
    stores: plan.stores.map((store) => explainStore(plan, store, names)),
    joins: plan.nodes.flatMap((each) => explainJoin(plan, each)),
    results: plan.nodes.flatMap((each) =>
      each.operator === 'sink'
        ? [{ topic: names.catalogue(each.topic.name), ...resultNature(plan, each) }]
        : [],
    ),
  };
}

function explainNode(node: PlanNode, names: TopicNames): ExplainedNode {
  const { id, operator, inputs, stores } = node;
  const topic = 'topic' in node ? names.catalogue(node.topic.name) : null;
  const between = 'repartition' in node ? names.repartition(node.repartition) : null;
  return { id, operator, inputs, stores, topic: topic ?? between };
}

function explainStore(plan: Plan, { name, kind, changelog }: PlanStore, names: TopicNames): ExplainedStore {
  const isGlobal = globalSources(plan).some(({ stores }) => stores.includes(name));
  return {
    name,
    kind,
    changelog: changelog ? names.changelog(name) : null,
    scope: isGlobal ? 'process' : 'task',
  };
}

function catalogueTopics(plan: Plan, names: TopicNames, counts: PartitionCounts): ExplainedTopic[] {
  const partitions = new Map(
    plan.nodes.flatMap((node) =>
      'topic' in node ? [[names.catalogue(node.topic.name), node.topic.partitions]] : [],
    ),
  );
  const sources = sourceTopics(plan, names).map((name): ExplainedTopic => ({
    name,
    role: 'source',
    partitions: counts.get(name) ?? partitions.get(name) ?? 0,
    partitionsFrom: counts.has(name) ? 'kafka' : 'plan',
    config: null,
  }));
  const results = [...resultTopics(plan, names)].map(([name, topic]): ExplainedTopic => ({
    ...resultSpec(name, topic, counts.get(name) ?? null),
    role: 'result',
    partitionsFrom: counts.has(name) ? 'kafka' : 'plan',
  }));
  return [...sources, ...results];
}

function deadLetterTopic({ deadLetters }: TopicNames, counts: PartitionCounts): ExplainedTopic {
  const known = counts.get(deadLetters) ?? null;
  return {
    ...deadLetterSpec(deadLetters, known),
    role: 'dead-letters',
    partitionsFrom: known === null ? 'plan' : 'kafka',
  };
}

/** A global table is looked up under the key that the event names; its side is the table's own key. */
function explainJoin(plan: Plan, node: PlanNode): ExplainedJoin[] {
  const { id: step, operator, inputs } = node;
  const from = operator === 'stream-global-join' ? [node.global] : inputs;
  if (from.length < 2 && operator !== 'stream-global-join') return [];
  const sides = from.map((id) => {
    const key = keySchemaOf(plan, id);
    return { from: id, key: key === null ? 'unknown' : keyShape(key) };
  });
  if (operator === 'stream-global-join') sides.unshift({ from: `${step} (key)`, key: keyShape(node.key) });
  return [{ step, operator, sides, likeKeys: new Set(sides.map(({ key }) => key)).size === 1 }];
}
