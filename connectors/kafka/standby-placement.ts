import type { Assignment, TaskName, TaskPosition } from './port.ts';

export interface StandbyMember {
  readonly memberId: string;
  /** What it subscribes to. Default: everything. */
  readonly topics?: readonly string[];
  readonly positions?: readonly TaskPosition[];
}

interface PlacementRequest {
  readonly topics: readonly (readonly string[])[];
  /** How many standbys a task is to have, by sub-topology. */
  readonly replicas: readonly number[];
  readonly members: readonly StandbyMember[];
  /** Who has the tasks. */
  readonly assigned: ReadonlyMap<string, Assignment>;
}

interface Holder {
  readonly memberId: string;
  readonly topics: ReadonlySet<string> | null;
  readonly positions: ReadonlyMap<string, number>;
  readonly standbys: TaskName[];
}

interface Task extends TaskName {
  readonly owner: number;
  /** Which of its owner's tasks it is. */
  readonly index: number;
  /** Standbys that it still lacks. */
  missing: number;
}

/**
 * Who keeps a copy of which task's stores. Never the task's owner, nobody the same twice; first who has most of them
 * already, where that is within an even share of all standbys; the others so that those of one owner's tasks are spread
 * over all other members, to share the work when it goes. Where there are too few members a task has fewer. The same
 * input gives the same answer, in whatever order the members stand.
 */
export function placeStandbys(request: PlacementRequest): ReadonlyMap<string, readonly TaskName[]> {
  const holders = request.members
    .map(({ memberId, topics, positions = [] }): Holder => ({
      memberId,
      topics: topics === undefined ? null : new Set(topics),
      positions: new Map(positions.map((task) => [keyOf(task), task.position])),
      standbys: [],
    }))
    .toSorted((a, b) => (a.memberId < b.memberId ? -1 : Number(a.memberId > b.memberId)));
  const tasks = listTasks(request, holders);
  const wanted = tasks.reduce((sum, { missing }) => sum + missing, 0);
  const share = Math.ceil(wanted / Math.max(1, holders.length));
  const place = (choose: (task: Task, free: readonly Holder[]) => Holder | undefined): void => {
    for (const task of tasks)
      while (task.missing > 0) {
        const chosen = choose(task, candidates(task, holders, request.topics));
        if (chosen === undefined) break;
        chosen.standbys.push({ subTopology: task.subTopology, partition: task.partition });
        task.missing--;
      }
  };
  place((task, free) =>
    furthest(
      task,
      free.filter(({ standbys }) => standbys.length < share),
    ),
  );
  place((_, free) => free.find(({ standbys }) => standbys.length < share) ?? leastLoaded(free));
  return new Map(holders.map(({ memberId, standbys }) => [memberId, standbys]));
}

function listTasks({ topics, replicas, assigned }: PlacementRequest, holders: readonly Holder[]): Task[] {
  const tasks = holders.flatMap(({ memberId }, owner) => {
    let index = 0;
    return topics.flatMap(([first = ''], subTopology) => {
      const missing = Math.min(replicas[subTopology] ?? 0, holders.length - 1);
      if (missing === 0) return [];
      const partitions = assigned.get(memberId)?.get(first) ?? [];
      return partitions.map((partition): Task => ({
        subTopology,
        partition,
        owner,
        index: index++,
        missing,
      }));
    });
  });
  return tasks.toSorted((a, b) => a.subTopology - b.subTopology || a.partition - b.partition);
}

/** Beginning with another member for each of an owner's tasks. */
function candidates(
  task: Task,
  holders: readonly Holder[],
  topics: readonly (readonly string[])[],
): readonly Holder[] {
  const others = holders.length - 1;
  return Array.from({ length: others }, (_, i) => {
    const step = 1 + ((task.index + i) % others);
    return holders[(task.owner + step) % holders.length] as Holder;
  }).filter(
    (holder) =>
      !holder.standbys.some((standby) => keyOf(standby) === keyOf(task)) &&
      (topics[task.subTopology] ?? []).every((topic) => holder.topics?.has(topic) ?? true),
  );
}

function furthest(task: Task, holders: readonly Holder[]): Holder | undefined {
  let [found, most]: [Holder | undefined, number] = [undefined, 0];
  for (const holder of holders) {
    const position = holder.positions.get(keyOf(task)) ?? 0;
    if (position > most) [found, most] = [holder, position];
  }
  return found;
}

function leastLoaded(holders: readonly Holder[]): Holder | undefined {
  let least: Holder | undefined;
  for (const holder of holders)
    if (least === undefined || holder.standbys.length < least.standbys.length) least = holder;
  return least;
}

const keyOf = ({ subTopology, partition }: TaskName): string => `${subTopology}/${partition}`;
