import { Failure } from '../../infra/process/failure.ts';
import type { Assignment, AssignmentStrategy } from './port.ts';

export interface AssignorMember {
  readonly memberId: string;
  /** What the member held before this rebalance. */
  readonly owned: Assignment;
}

/** Partition i of every topic of a sub-topology: what must stay together. */
interface Task {
  readonly subTopology: number;
  readonly partition: number;
}

interface Load {
  readonly memberId: string;
  readonly tasks: Task[];
  /** Number of tasks by sub-topology. */
  readonly bySubTopology: number[];
}

/**
 * Spreads tasks over members: as evenly as can be in all, then evenly within each sub-topology; a task stays with its
 * owner as long as that keeps the spread even. The same input gives the same answer on every member.
 * @throws Failure `kafka.not_co_partitioned` (stop)
 */
export function assignPartitions(
  strategy: AssignmentStrategy,
  topics: readonly (readonly string[])[],
  partitionCounts: ReadonlyMap<string, number>,
  members: readonly AssignorMember[],
): ReadonlyMap<string, Assignment> {
  const subTopologies = strategy === 'range' ? topics.flat().map((topic) => [topic]) : topics;
  const sorted = members.toSorted((a, b) => compareText(a.memberId, b.memberId));
  const tasks = subTopologies.flatMap((together, subTopology) =>
    Array.from({ length: commonCount(together, partitionCounts) }, (_, partition): Task => ({
      subTopology,
      partition,
    })),
  );
  const loads = sorted.map(({ memberId }): Load => ({ memberId, tasks: [], bySubTopology: [] }));
  const rest = keepOwned(tasks, subTopologies, sorted, loads);
  for (const task of rest) give(leastLoaded(loads, task), task);
  return new Map(loads.map((load) => [load.memberId, toAssignment(load.tasks, subTopologies)]));
}

/** @throws Failure `kafka.not_co_partitioned` (stop): the topics have unequal partition counts */
function commonCount(together: readonly string[], partitionCounts: ReadonlyMap<string, number>): number {
  const counts = together.map((topic) => partitionCounts.get(topic) ?? 0);
  const [first = 0] = counts;
  if (counts.every((count) => count === first)) return first;
  const listed = together.map((topic, index) => `${topic} (${counts[index]})`).join(', ');
  throw new Failure(
    'kafka.not_co_partitioned',
    'stop',
    `topics that are read together have unequal numbers of partitions: ${listed}`,
    { fix: `repartition the smaller ones to ${Math.max(...counts)} partitions` },
  );
}

/** Gives each task to its owner up to an even share; returns the tasks that remain. */
function keepOwned(
  tasks: readonly Task[],
  subTopologies: readonly (readonly string[])[],
  members: readonly AssignorMember[],
  loads: readonly Load[],
): readonly Task[] {
  const share = Math.floor(tasks.length / loads.length);
  const claims = loads.map((load, index) => ({
    load,
    owned: new Set(ownedKeys(members[index], subTopologies)),
  }));
  // Who holds most is first to keep one more than the even share.
  claims.sort((a, b) => b.owned.size - a.owned.size || compareText(a.load.memberId, b.load.memberId));
  let extras = tasks.length % loads.length;
  const kept = new Set<string>();
  for (const { load, owned } of claims) {
    const limit = share + (extras > 0 ? 1 : 0);
    for (const task of tasks) {
      if (load.tasks.length === limit) break;
      const key = taskKey(task);
      if (!owned.has(key) || kept.has(key)) continue;
      kept.add(key);
      give(load, task);
    }
    if (load.tasks.length > share) extras--;
  }
  return tasks.filter((task) => !kept.has(taskKey(task)));
}

/** A member owns a task when it holds the partition of the sub-topology's first topic. */
function ownedKeys(
  member: AssignorMember | undefined,
  subTopologies: readonly (readonly string[])[],
): string[] {
  return subTopologies.flatMap(([first = ''], subTopology) =>
    (member?.owned.get(first) ?? []).map((partition) => taskKey({ subTopology, partition })),
  );
}

function leastLoaded(loads: readonly Load[], task: Task): Load {
  return loads.reduce((least, load) => {
    const difference =
      load.tasks.length - least.tasks.length ||
      (load.bySubTopology[task.subTopology] ?? 0) - (least.bySubTopology[task.subTopology] ?? 0);
    return difference < 0 ? load : least;
  });
}

function give(load: Load, task: Task): void {
  load.tasks.push(task);
  load.bySubTopology[task.subTopology] = (load.bySubTopology[task.subTopology] ?? 0) + 1;
}

function toAssignment(tasks: readonly Task[], subTopologies: readonly (readonly string[])[]): Assignment {
  const assignment = new Map<string, number[]>();
  for (const { subTopology, partition } of tasks)
    for (const topic of subTopologies[subTopology] ?? []) {
      const partitions = assignment.get(topic);
      if (partitions === undefined) assignment.set(topic, [partition]);
      else partitions.push(partition);
    }
  for (const partitions of assignment.values()) partitions.sort((a, b) => a - b);
  return assignment;
}

const taskKey = ({ subTopology, partition }: Task): string => `${subTopology}/${partition}`;
const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
