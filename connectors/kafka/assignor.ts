import { Failure } from '../../infra/process/failure.ts';
import type { Assignment, AssignmentStrategy, TaskPosition } from './port.ts';

/** As Kafka Streams' acceptable.recovery.lag. */
const ACCEPTABLE_RECOVERY_LAG = 10_000;

export interface AssignorMember {
  readonly memberId: string;
  /** What the member held before this rebalance. */
  readonly owned: Assignment;
  /** What it subscribes to. Default: everything. */
  readonly topics?: readonly string[];
  readonly positions?: readonly TaskPosition[];
}

interface AssignorRequest {
  readonly strategy: AssignmentStrategy;
  readonly topics: readonly (readonly string[])[];
  readonly partitionCounts: ReadonlyMap<string, number>;
  readonly members: readonly AssignorMember[];
  /** Offsets. Default 10000. */
  readonly acceptableRecoveryLag?: number;
}

/** Partition i of every topic of a sub-topology: what must stay together. */
interface Task {
  readonly subTopology: number;
  readonly partition: number;
  readonly topics: readonly string[];
  /** Who may have it, in order of their ids, and whose stores of it are as good as the best. */
  readonly candidates: readonly Load[];
  readonly caughtUp: ReadonlySet<Load>;
}

interface Load {
  readonly memberId: string;
  readonly owned: ReadonlySet<string>;
  readonly positions: ReadonlyMap<string, number>;
  readonly topics: ReadonlySet<string> | null;
  readonly tasks: Task[];
  /** Number of tasks by sub-topology. */
  readonly bySubTopology: number[];
}

/**
 * Spreads tasks over members, by these rules in this order:
 * 1. as evenly as can be in all;
 * 2. a task goes to a member that is caught up: whose stores of it are within the acceptable lag of the best. The tasks
 *    that the fewest members are caught up with choose first. Where none of them has room, to the one that is furthest;
 * 3. a task stays with its owner;
 * 4. one that has lost its owner goes to who is furthest, as its best standby is;
 * 5. evenly within each sub-topology.
 * A task of topics that only some members subscribe to goes to one of those, even if that is uneven. The same input
 * gives the same answer, in whatever order the members stand.
 * @throws Failure `kafka.not_co_partitioned` (stop)
 */
export function assignPartitions(request: AssignorRequest): ReadonlyMap<string, Assignment> {
  const { strategy, topics, members } = request;
  const subTopologies = strategy === 'range' ? topics.flat().map((topic) => [topic]) : topics;
  const loads = members
    .map((member) => emptyLoad(member, subTopologies))
    .toSorted((a, b) => compareText(a.memberId, b.memberId));
  const tasks = listTasks(subTopologies, loads, request);
  const spread = new Spread(tasks.length, loads.length);
  const giveBest = (task: Task): void => {
    const chosen = best(task, spread);
    if (chosen !== null) spread.give(chosen, task);
  };
  for (const task of tasks.filter((each) => !isFree(each))) giveBest(task);
  for (const task of keepOwned(tasks.filter(isFree), loads, spread)) giveBest(task);
  return new Map(loads.map((load) => [load.memberId, toAssignment(load.tasks)]));
}

/** How many tasks each may have: an even share, and some of them one more. */
class Spread {
  readonly #share: number;
  #extras: number;

  constructor(tasks: number, members: number) {
    this.#share = Math.floor(tasks / members);
    this.#extras = tasks % members;
  }

  hasRoom({ tasks }: Load): boolean {
    return tasks.length < this.#share || (tasks.length === this.#share && this.#extras > 0);
  }

  give(load: Load, task: Task): void {
    load.tasks.push(task);
    load.bySubTopology[task.subTopology] = (load.bySubTopology[task.subTopology] ?? 0) + 1;
    if (load.tasks.length > this.#share) this.#extras--;
  }
}

function emptyLoad(member: AssignorMember, subTopologies: readonly (readonly string[])[]): Load {
  return {
    memberId: member.memberId,
    // A member owns a task when it holds the partition of the sub-topology's first topic.
    owned: new Set(
      subTopologies.flatMap(([first = ''], subTopology) =>
        (member.owned.get(first) ?? []).map((partition) => taskKey({ subTopology, partition })),
      ),
    ),
    positions: new Map(
      (member.positions ?? []).map((task): [string, number] => [taskKey(task), task.position]),
    ),
    topics: member.topics === undefined ? null : new Set(member.topics),
    tasks: [],
    bySubTopology: [],
  };
}

/** Those that the fewest members are caught up with come first. */
function listTasks(
  subTopologies: readonly (readonly string[])[],
  loads: readonly Load[],
  { partitionCounts, acceptableRecoveryLag = ACCEPTABLE_RECOVERY_LAG }: AssignorRequest,
): readonly Task[] {
  const tasks = subTopologies.flatMap((topics, subTopology) => {
    const candidates = loads.filter((load) => topics.every((topic) => load.topics?.has(topic) ?? true));
    return Array.from({ length: commonCount(topics, partitionCounts) }, (_, partition): Task => {
      const positions = candidates.map((load) => positionOf(load, { subTopology, partition }));
      const enough = Math.max(...positions) - acceptableRecoveryLag;
      const caughtUp = new Set(candidates.filter((_, index) => (positions[index] ?? 0) >= enough));
      return { subTopology, partition, topics, candidates, caughtUp };
    });
  });
  return tasks.toSorted(
    (a, b) => a.caughtUp.size - b.caughtUp.size || a.subTopology - b.subTopology || a.partition - b.partition,
  );
}

/** @throws Failure `kafka.not_co_partitioned` (stop): the topics have unequal partition counts */
function commonCount(together: readonly string[], partitionCounts: ReadonlyMap<string, number>): number {
  const counts = together.map((topic) => partitionCounts.get(topic) ?? 0);
  const [first = 0] = counts;
  if (counts.every((count) => count === first)) return first;
  const most = Math.max(...counts);
  const listed = together.map((topic, index) => `${topic} (${counts[index]})`).join(', ');
  throw new Failure(
    'kafka.not_co_partitioned',
    'stop',
    `topics that are read together have unequal numbers of partitions: ${listed}`,
    {
      fix: `repartition ${together.filter((_, index) => counts[index] !== most).join(' and ')} to ${most} partitions`,
    },
  );
}

/** True when it makes no difference to the task who has it. */
const isFree = (task: Task): boolean => task.caughtUp.size === task.candidates.length;

/**
 * Gives each task to its owner while there is room; returns the tasks that remain. By partition before sub-topology, so
 * that an owner without room for all keeps some of each sub-topology: whoever comes takes a share of every kind of work.
 */
function keepOwned(tasks: readonly Task[], loads: readonly Load[], spread: Spread): readonly Task[] {
  const kept = new Set<Task>();
  const mixed = tasks.toSorted((a, b) => a.partition - b.partition || a.subTopology - b.subTopology);
  for (const load of loads)
    for (const task of mixed) {
      if (!spread.hasRoom(load)) break;
      if (kept.has(task) || !task.caughtUp.has(load) || !load.owned.has(taskKey(task))) continue;
      kept.add(task);
      spread.give(load, task);
    }
  return tasks.filter((task) => !kept.has(task));
}

/** Null when nobody subscribes to the task's topics. */
function best(task: Task, spread: Spread): Load | null {
  const withRoom = task.candidates.filter((load) => spread.hasRoom(load));
  const caughtUp = withRoom.filter((load) => task.caughtUp.has(load));
  const choice = caughtUp.length > 0 ? caughtUp : furthest(withRoom, task);
  const owner = choice.find((load) => load.owned.has(taskKey(task)));
  return owner ?? leastLoaded(furthest(choice, task), task) ?? leastLoaded(task.candidates, task);
}

function furthest(loads: readonly Load[], task: Task): readonly Load[] {
  const position = Math.max(...loads.map((load) => positionOf(load, task)));
  return loads.filter((load) => positionOf(load, task) === position);
}

function leastLoaded(loads: readonly Load[], task: Task): Load | null {
  let least: Load | null = null;
  for (const load of loads) if (least === null || compareLoads(load, least, task) < 0) least = load;
  return least;
}

function compareLoads(a: Load, b: Load, { subTopology }: Task): number {
  return (
    a.tasks.length - b.tasks.length ||
    (a.bySubTopology[subTopology] ?? 0) - (b.bySubTopology[subTopology] ?? 0)
  );
}

function toAssignment(tasks: readonly Task[]): Assignment {
  const assignment = new Map<string, number[]>();
  const inOrder = tasks.toSorted((a, b) => a.subTopology - b.subTopology || a.partition - b.partition);
  for (const { topics, partition } of inOrder)
    for (const topic of topics) {
      const partitions = assignment.get(topic);
      if (partitions === undefined) assignment.set(topic, [partition]);
      else partitions.push(partition);
    }
  return assignment;
}

type TaskName = Pick<TaskPosition, 'subTopology' | 'partition'>;

const taskKey = ({ subTopology, partition }: TaskName): string => `${subTopology}/${partition}`;
const positionOf = (load: Load, task: TaskName): number => load.positions.get(taskKey(task)) ?? 0;
const compareText = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
