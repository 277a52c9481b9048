import type {
  Assignment,
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
import { restoreStores } from './restore.ts';
import type { StreamTask } from './stream-task.ts';
import { type InputStart, type TaskFactory, taskId } from './task-factory.ts';

interface AssignmentParts {
  readonly application: Application;
  readonly factory: TaskFactory;
  readonly globals: GlobalTables;
  readonly cuts: ProgressCuts;
  readonly committer: Committer;
  readonly positions: ChangelogPositions;
  readonly fetcher: Fetcher;
  readonly signal: AbortSignal;
  readonly onRestoring: () => void;
}

/**
 * The tasks that this process owns. A rebalance takes all of them away, after a commit, and gives them out again. A
 * task that comes back to the offsets that it had committed goes on with its state: had anybody else worked on it
 * meanwhile, its offsets would have moved in the same transaction as its changelogs.
 */
export class TaskAssignment implements GroupListener {
  readonly #parts: AssignmentParts;
  #tasks: readonly StreamTask[] = [];
  #suspended: readonly StreamTask[] = [];
  #membership: GroupMetadata | null = null;

  constructor(parts: AssignmentParts) {
    this.#parts = parts;
  }

  get tasks(): readonly StreamTask[] {
    return this.#tasks;
  }

  /** Whether {@link tasks} are those of the present membership, restored: not in the middle of a rebalance. */
  get isAssigned(): boolean {
    return this.#membership !== null;
  }

  /**
   * Commits what the tasks have done, as the member that they were given to: the membership of this moment may be that
   * of nobody, after the group has forgotten this process, and a commit of nobody is not fenced.
   */
  async commit(): Promise<void> {
    if (this.#membership !== null) await this.#parts.committer.commit(this.#tasks, this.#membership);
  }

  /** Where the stores of its tasks stand, those that a rebalance under way has taken away included. */
  positions(): readonly TaskPosition[] {
    const { application, positions } = this.#parts;
    const held = new Set([...this.#tasks, ...this.#suspended]);
    return application.parts.flatMap((part) =>
      [...held]
        .filter((task) => task.id === taskId(part, task.partition))
        .map((task) => positions.of(part, task.partition)),
    );
  }

  async onAssigned(assignment: Assignment, membership: GroupMetadata): Promise<void> {
    const { application, factory, log } = { ...this.#parts, log: this.#parts.application.log };
    const wanted = application.parts.flatMap((part) => {
      const [input] = factory.inputs[part.id] ?? [];
      const partitions = input === undefined ? [] : (assignment.get(input.topic) ?? []);
      return partitions.map((partition) => ({ part, partition }));
    });
    const starts = await this.#starts(wanted);
    const tasks: StreamTask[] = [];
    for (const { part, partition } of wanted) {
      const task = await this.#taskAt(part, partition, starts);
      if (task === null) return;
      tasks.push(task);
    }
    this.#drop(this.#suspended.filter((task) => !tasks.includes(task)));
    this.#suspended = [];
    this.#tasks = tasks;
    this.#membership = membership;
    for (const task of tasks) application.metrics.operators.stand(task.id, task.progress);
    this.#fetch();
    log.info({ tasks: tasks.map((task) => task.id) }, 'tasks assigned');
  }

  async onRevoked(): Promise<void> {
    await this.commit();
    this.#membership = null;
    this.#suspended = this.#tasks;
    this.#tasks = [];
    this.#fetch();
  }

  /** @throws Failure `engine.membership_lost` (restart): what was not committed is void, and so is this session */
  onLost(): Promise<void> {
    this.#drop([...this.#tasks, ...this.#suspended]);
    this.#membership = null;
    this.#tasks = [];
    this.#suspended = [];
    const message = `the group ${this.#parts.application.names.applicationId} has gone on without this member`;
    return Promise.reject(new Failure('engine.membership_lost', 'restart', message));
  }

  async #starts(
    wanted: readonly { part: SubTopology; partition: number }[],
  ): Promise<Map<string, InputStart>> {
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

  /** Null when the signal came before the state was restored: a task without its state must never run. */
  async #taskAt(
    part: SubTopology,
    partition: number,
    starts: ReadonlyMap<string, InputStart>,
  ): Promise<StreamTask | null> {
    const startOf = (topic: string): InputStart =>
      starts.get(startId({ topic, partition })) ?? { committed: null, offset: 0 };
    const suspended = this.#suspended.find((task) => task.id === taskId(part, partition));
    const unmoved = suspended?.inputs.every(
      ({ input, committed }) => committed === startOf(input.topic).committed,
    );
    if (suspended !== undefined && unmoved) return suspended;

    const { application, factory, positions, onRestoring, signal } = this.#parts;
    const task = factory.create(part, partition, startOf);
    onRestoring();
    const { kafka, clock, log, names, metrics } = application;
    const records = await restoreStores({
      kafka,
      clock,
      log,
      signal,
      taskId: task.id,
      partition,
      storePlans: part.stores,
      stores: task.stores,
      changelog: names.changelog,
      positions,
      onRemaining: (remaining) => metrics.restoreRemaining(task.id, remaining),
    });
    if (records === null) return null;
    if (records > 0 && task.inputs.every((input) => input.committed === null))
      throw offsetsLost(names.applicationId, task.id);
    return task;
  }

  /** To be called when a rebalance is through: a task that has not come back by then is not this process's any more. */
  forgetSuspended(): void {
    this.#drop(this.#suspended);
    this.#suspended = [];
  }

  #fetch(): void {
    for (const task of this.#tasks) for (const input of task.inputs) input.paused = false;
    const inputs = this.#tasks.flatMap((task) =>
      task.inputs.map(({ read }) => ({ ...read.partition, offset: read.position })),
    );
    const { fetcher, globals, cuts } = this.#parts;
    fetcher.assign([...inputs, ...globals.positions, ...cuts.positions]);
  }

  #drop(tasks: readonly StreamTask[]): void {
    for (const task of tasks) this.#parts.application.metrics.closed(task.id, task.stores.keys());
  }
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
