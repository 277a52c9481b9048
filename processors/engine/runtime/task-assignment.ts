import type {
  Assignment,
  AssignmentTerm,
  Fetcher,
  GroupListener,
  GroupMetadata,
  TaskPosition,
  TopicPartition,
} from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { SubTopology } from '../plan/sub-topology.ts';
import type { Application } from './application.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import type { Committer } from './committer.ts';
import type { GlobalTables } from './global-reader.ts';
import type { ProgressCuts } from './progress-cuts.ts';
import type { StateHome } from '../state/task-state.ts';
import type { WantedReplica } from './open-replicas.ts';
import type { StreamTask } from './stream-task.ts';
import { type InputStart, type TaskFactory, taskId } from './task-factory.ts';
import { TaskReplicas } from './task-replicas.ts';

interface TaskPlace {
  readonly part: SubTopology;
  readonly partition: number;
}

interface AssignmentParts {
  readonly application: Application;
  readonly factory: TaskFactory;
  readonly globals: GlobalTables;
  readonly cuts: ProgressCuts;
  readonly committer: Committer;
  readonly positions: ChangelogPositions;
  readonly fetcher: Fetcher;
  readonly home: StateHome;
  readonly signal: AbortSignal;
  /** Whether changelogs and offsets move together. */
  readonly isStateExact: boolean;
  readonly onRestoring: () => void;
}

/**
 * The tasks that this process owns. A rebalance takes all of them away, after a commit, and gives them out again. A
 * task that comes back to the offsets that it had committed goes on with its state: had anybody else worked on it
 * meanwhile, its offsets would have moved in the same transaction as its changelogs. Without transactions, who came half
 * through a commit has written changelogs that this state does not know: it will write the same entries again.
 */
export class TaskAssignment implements GroupListener, AsyncDisposable {
  readonly #parts: AssignmentParts;
  readonly #replicas: TaskReplicas;
  #tasks: readonly StreamTask[] = [];
  #suspended: readonly StreamTask[] = [];
  #membership: GroupMetadata | null = null;
  #isOverdue = false;
  #standbyIds: ReadonlySet<string> = new Set();

  constructor(parts: AssignmentParts) {
    this.#parts = parts;
    const { application, home, positions } = parts;
    const { names, metrics } = application;
    this.#replicas = new TaskReplicas({
      ...application,
      changelog: names.changelog,
      home,
      positions,
      onRestore: (task, records, remaining) => metrics.restored(task, records, remaining),
      onFollow: (task, records, lag) => metrics.followed(task, records, lag),
      onUnfollow: (task) => metrics.unfollowed(task),
    });
  }

  get tasks(): readonly StreamTask[] {
    return this.#tasks;
  }

  /** Whether the last assignment was left unfinished because another rebalance is due. */
  get isOverdue(): boolean {
    return this.#isOverdue;
  }

  /** Whether {@link tasks} are those of the present membership, restored: not in the middle of a rebalance. */
  get isAssigned(): boolean {
    return this.#membership !== null;
  }

  /** Which only one process of the group does at a time, but for one that does not know yet that it is out. */
  get ownsFirstTask(): boolean {
    const [first] = this.#parts.application.parts;
    return first !== undefined && this.#tasks.some(({ id }) => id === taskId(first, 0));
  }

  /**
   * Commits what the tasks have done, as the member that they were given to: the membership of this moment may be that
   * of nobody, after the group has forgotten this process, and a commit of nobody is not fenced.
   */
  async commit(): Promise<void> {
    if (this.#membership !== null) await this.#parts.committer.commit(this.#tasks, this.#membership);
  }

  /** Where the stores stand that it has: also of tasks that a rebalance under way has taken away, and of replicas. */
  positions(): readonly TaskPosition[] {
    const { application, positions } = this.#parts;
    const held = [...this.#tasks, ...this.#suspended, ...this.#replicas.all];
    return application.parts.flatMap((part) =>
      held
        .filter((task) => task.id === taskId(part, task.partition))
        .map((task) => positions.of(part, task.partition)),
    );
  }

  /** Leaves it at that when the term ends before all is restored: a task without its state must never run. */
  async onAssigned(
    assignment: Assignment,
    membership: GroupMetadata,
    { signal: term, standbys }: AssignmentTerm,
  ): Promise<void> {
    const { application, factory, signal } = this.#parts;
    const { log, metrics } = application;
    const wanted = application.parts.flatMap((part) => {
      const [input] = factory.inputs[part.id] ?? [];
      const partitions = input === undefined ? [] : (assignment.get(input.topic) ?? []);
      return partitions.map((partition) => ({ part, partition }));
    });
    const followed = standbys.flatMap(({ subTopology, partition }) => {
      const part = application.parts.find(({ id }) => id === subTopology);
      return part === undefined ? [] : [{ part, partition }];
    });
    const starts = await this.#starts([...wanted, ...followed]);
    const tasks = await this.#tasksAt(wanted, starts, AbortSignal.any([signal, term]));
    this.#isOverdue = tasks === null;
    if (tasks === null) return;
    this.#suspended = this.#suspended.filter((task) => !tasks.includes(task));
    await this.#follow(followed.map((place) => this.#wantedReplica(place, starts)));
    await this.#drop(this.#suspended);
    this.#suspended = [];
    await this.#parts.home.clean();
    this.#tasks = tasks;
    this.#membership = membership;
    for (const task of tasks) metrics.operators.stand(task.id, task.progress);
    this.#fetch();
    const ids = { tasks: tasks.map((task) => task.id), standbys: [...this.#standbyIds] };
    log.info(ids, 'tasks assigned');
  }

  async onRevoked(): Promise<void> {
    await this.commit();
    this.#replicas.unfollow();
    this.#membership = null;
    this.#isOverdue = false;
    this.#suspended = [...this.#suspended, ...this.#tasks];
    this.#tasks = [];
    this.#fetch();
  }

  /** @throws Failure `engine.membership_lost` (restart): what was not committed is void, and so is this session */
  async onLost(): Promise<void> {
    await this.#drop([...this.#tasks, ...this.#suspended]);
    this.#membership = null;
    this.#tasks = [];
    this.#suspended = [];
    const message = `the group ${this.#parts.application.names.applicationId} has gone on without this member`;
    throw new Failure('engine.membership_lost', 'restart', message);
  }

  async #starts(wanted: readonly TaskPlace[]): Promise<Map<string, InputStart>> {
    const { kafka, names } = this.#parts.application;
    const partitions = wanted.flatMap(({ part, partition }) =>
      (this.#parts.factory.inputs[part.id] ?? []).map(({ topic }) => ({ topic, partition })),
    );
    if (partitions.length === 0) return new Map();
    const committed = await kafka.committedOffsets(names.applicationId, partitions);
    const earliest = await kafka.listOffsets(partitions, 'earliest');
    return new Map(
      partitions.map((partition, i) => {
        const own = committed[i] ?? null;
        return [startId(partition), { committed: own, offset: own ?? earliest[i] ?? 0 }];
      }),
    );
  }

  /** Null when the signal came before all state was restored. */
  async #tasksAt(
    wanted: readonly TaskPlace[],
    starts: ReadonlyMap<string, InputStart>,
    signal: AbortSignal,
  ): Promise<readonly StreamTask[] | null> {
    const { factory, onRestoring } = this.#parts;
    const kept = new Map<string, StreamTask>();
    for (const { part, partition } of wanted) {
      const suspended = this.#suspended.find((task) => task.id === taskId(part, partition));
      if (suspended === undefined) continue;
      const isUnmoved = suspended.inputs.every(
        ({ input, committed }) => committed === startAt(starts, input.topic, partition).committed,
      );
      if (isUnmoved) kept.set(suspended.id, suspended);
      else await this.#setAside(suspended);
    }
    const restoring = wanted
      .filter(({ part, partition }) => !kept.has(taskId(part, partition)))
      .map((place) => this.#wantedReplica(place, starts));
    if (restoring.length > 0) onRestoring();
    if (!(await this.#replicas.restore(restoring, signal))) return null;
    for (const { id, committed } of restoring) this.#refuseLostOffsets(id, committed);
    return wanted.map(({ part, partition }) => {
      const id = taskId(part, partition);
      const startOf = (topic: string): InputStart => startAt(starts, topic, partition);
      return kept.get(id) ?? factory.create(part, partition, startOf, this.#replicas.take(id).state);
    });
  }

  #wantedReplica({ part, partition }: TaskPlace, starts: ReadonlyMap<string, InputStart>): WantedReplica {
    const inputs = this.#parts.factory.inputs[part.id] ?? [];
    const committed = Object.fromEntries(
      inputs.map(({ topic }) => [topic, startAt(starts, topic, partition).committed]),
    );
    return { id: taskId(part, partition), partition, storePlans: part.stores, committed };
  }

  /** @throws Failure `engine.offsets_lost` (stop) */
  #refuseLostOffsets(id: string, committed: WantedReplica['committed']): void {
    // A first commit that came half through leaves changelogs without offsets too.
    if (!this.#parts.isStateExact) return;
    if (Object.values(committed).some((offset) => offset !== null) || !this.#replicas.holdState(id)) return;
    throw offsetsLost(this.#parts.application.names.applicationId, id);
  }

  /** To be called when a rebalance is through: a task that has not come back by then is not this process's any more. */
  async forgetSuspended(): Promise<void> {
    await this.#drop(this.#suspended);
    this.#suspended = [];
    if (this.#membership === null) this.#standbyIds = new Set();
    await this.#replicas.keepOnly(this.#standbyIds);
  }

  /** Lets go of a task so that its state can go on as a replica, with what others have added to the changelogs. */
  async #setAside(suspended: StreamTask): Promise<void> {
    this.#suspended = this.#suspended.filter((task) => task !== suspended);
    this.#parts.application.metrics.closed(suspended.id, suspended.stores.keys());
    if (this.#parts.home.isLasting) await suspended.close();
    else this.#replicas.adopt(suspended);
  }

  async #follow(standbys: readonly WantedReplica[]): Promise<void> {
    this.#standbyIds = new Set(standbys.map(({ id }) => id));
    for (const task of this.#suspended) if (this.#standbyIds.has(task.id)) await this.#setAside(task);
    await this.#replicas.follow(standbys);
    await this.#replicas.keepOnly(this.#standbyIds);
  }

  /** Lets its standbys take what others have written. */
  async catchUp(): Promise<void> {
    await this.#replicas.catchUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#replicas[Symbol.asyncDispose]();
  }

  #fetch(): void {
    for (const task of this.#tasks) for (const input of task.inputs) input.paused = false;
    const inputs = this.#tasks.flatMap((task) =>
      task.inputs.map(({ read }) => ({ ...read.partition, offset: read.position })),
    );
    const { fetcher, globals, cuts } = this.#parts;
    fetcher.assign([...inputs, ...globals.positions, ...cuts.positions]);
  }

  async #drop(tasks: readonly StreamTask[]): Promise<void> {
    for (const task of tasks) {
      this.#parts.application.metrics.closed(task.id, task.stores.keys());
      await task.close();
    }
  }
}

function startAt(starts: ReadonlyMap<string, InputStart>, topic: string, partition: number): InputStart {
  return starts.get(startId({ topic, partition })) ?? { committed: null, offset: 0 };
}

function startId({ topic, partition }: TopicPartition): string {
  return `${topic} ${partition}`;
}

function offsetsLost(group: string, task: string): Failure {
  return new Failure(
    'engine.offsets_lost',
    'stop',
    `task ${task} has state in its changelogs but group ${group} has no committed offsets: reading from the beginning would count everything twice`,
    {
      fix: 'the offsets have expired (offsets.retention.minutes): reset the application, or restore the offsets',
    },
  );
}
