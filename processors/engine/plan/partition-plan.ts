import { Failure } from '../../../infra/process/failure.ts';
import type { Plan, PlanNode } from './plan.ts';
import type { SubTopology } from './sub-topology.ts';

/** How many partitions everything has: equal within a sub-topology, so that equal keys meet in one task. */
export interface PartitionPlan {
  /** Number of tasks, by sub-topology id. */
  readonly tasks: readonly number[];
  /** By repartition name. */
  readonly repartitions: ReadonlyMap<string, number>;
}

interface Input {
  readonly topic: string;
  readonly partitions: number;
  readonly operator: 'stream-source' | 'table-source' | 'repartition-source';
}

/**
 * Settles the numbers of partitions from those that the source topics have in Kafka. A repartition topic without a
 * number of its own takes that of the topics it meets, else that of the topics it comes from. What a foreign-key join
 * writes has that of the table it goes to, never of the one it comes from.
 * @throws Failure `engine.not_co_partitioned` (stop) that names the topics
 */
export function planPartitions(
  plan: Plan,
  parts: readonly SubTopology[],
  sourcePartitions: (topic: string) => number,
): PartitionPlan {
  const repartitions = new Map<string, number>();
  for (const { name, partitions } of plan.repartitions)
    if (partitions !== null) repartitions.set(name, partitions);
  const toTable = new Set(
    plan.repartitions.filter(({ form }) => form === 'foreign-key').map(({ name }) => name),
  );
  const inputs = (part: SubTopology): Input[] => inputsOf(part, repartitions, sourcePartitions);
  const unsettled = (part: SubTopology, operator: 'repartition-source' | 'repartition-sink'): string[] =>
    part.nodes.flatMap((node) =>
      node.operator === operator && !repartitions.has(node.repartition) ? [node.repartition] : [],
    );
  const settleSources = (): void => {
    for (const part of parts) {
      const [known] = inputs(part);
      if (known === undefined) continue;
      for (const name of unsettled(part, 'repartition-source')) repartitions.set(name, known.partitions);
    }
  };
  const settleOneSink = (): boolean => {
    for (const part of parts) {
      const [known] = inputs(part);
      const name = unsettled(part, 'repartition-sink').find((sink) => !toTable.has(sink));
      if (known === undefined || name === undefined) continue;
      repartitions.set(name, known.partitions);
      return true;
    }
    return false;
  };
  // What is joined decides first. One that is left follows where it comes from, and its partners then follow it.
  do settleSources();
  while (settleOneSink());
  for (const part of parts)
    verify(
      part,
      inputs(part).filter(({ topic, operator }) => operator !== 'repartition-source' || !toTable.has(topic)),
    );
  return { tasks: parts.map((part) => inputs(part)[0]?.partitions ?? 0), repartitions };
}

function inputsOf(
  part: SubTopology,
  repartitions: ReadonlyMap<string, number>,
  sourcePartitions: (topic: string) => number,
): Input[] {
  return part.nodes.flatMap((node): Input[] => {
    if (node.operator === 'stream-source' || node.operator === 'table-source')
      return [
        {
          topic: node.topic.name,
          partitions: sourcePartitions(node.topic.name),
          operator: node.operator,
        },
      ];
    if (node.operator !== 'repartition-source') return [];
    const partitions = repartitions.get(node.repartition);
    return partitions === undefined ? [] : [{ topic: node.repartition, partitions, operator: node.operator }];
  });
}

function verify(part: SubTopology, inputs: readonly Input[]): void {
  const most = Math.max(...inputs.map(({ partitions }) => partitions));
  const odd = inputs.filter(({ partitions }) => partitions !== most);
  if (odd.length === 0) return;
  const joins = part.nodes.filter(isCoPartitioned).map(({ id }) => id);
  const list = inputs.map(({ topic, partitions }) => `${topic} (${partitions})`).join(', ');
  throw new Failure(
    'engine.not_co_partitioned',
    'stop',
    `topics that are joined${joins.length === 0 ? '' : ` by ${joins.join(', ')}`} differ in their partitions: ${list}`,
    { fix: odd.map((input) => adviceOn(input, most)).join('; ') },
  );
}

/** Whether a node wants equal partitions of what it joins. The internal topics of a foreign-key join always fit. */
function isCoPartitioned({ inputs, operator }: PlanNode): boolean {
  return inputs.length > 1 && operator !== 'foreign-table-join' && operator !== 'response-join';
}

/** What brings an input to the number of partitions that the others have. */
function adviceOn({ topic, operator }: Input, partitions: number): string {
  switch (operator) {
    case 'stream-source':
      return `repartition ${topic} to ${partitions}, with .repartition(name, keySchema, selector, ${partitions})`;
    case 'repartition-source':
      return `give ${topic} ${partitions} partitions, the last argument of its .repartition(), or leave the number out`;
    case 'table-source':
      return `create ${topic} with ${partitions} partitions and fill it again: a table cannot be repartitioned under its own key`;
  }
}
