import type { FetchedBatch, Fetcher } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import { hasPassed } from '../../../infra/process/clock.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import {
  type ReplicaHome,
  type WantedReplica,
  changelogRanges,
  openReplica,
  replicaOf,
} from './open-replicas.ts';
import { readToEnd } from './read-to-end.ts';
import { RestoreProgress } from './restore-progress.ts';
import type { StreamTask } from './stream-task.ts';
import type { TaskReplica } from './task-replica.ts';

/** Bytes of restored keys and values, of all tasks together, after which the task that has most of them is written. */
const UNWRITTEN_BYTES_MAX = 8 * 1024 * 1024;
/** Bytes that are fetched for standbys and wait to be taken. */
const FOLLOW_BYTES_MAX = 32 * 1024 * 1024;
/** Records that standbys take in one go, rounded up to batches: the running tasks wait for it. */
const FOLLOW_RECORDS_MAX = 2_000;
/** Milliseconds between two looks at what standbys have to take. */
const FOLLOW_INTERVAL_MS = 100;

interface ReplicasParts extends ReplicaHome {
  readonly positions: ChangelogPositions;
  /** Told after each step of a restore how many records of a task it read, and how many offsets are left. */
  readonly onRestore: (task: string, records: number, remaining: number) => void;
  /** Told how many records a standby has taken, and how many offsets it is behind. */
  readonly onFollow: (task: string, records: number, lag: number) => void;
  /** Told of a task that is no standby any more. */
  readonly onUnfollow: (task: string) => void;
}

/**
 * The replicas of a process: what is being restored, until its task runs, and standbys, which follow their changelogs while
 * the tasks run elsewhere.
 */
export class TaskReplicas implements AsyncDisposable {
  readonly #parts: ReplicasParts;
  readonly #replicas = new Map<string, TaskReplica>();
  #followed: readonly TaskReplica[] = [];
  #fetcher: Fetcher | null = null;
  /** Fetched, and not taken yet. */
  #waiting: FetchedBatch[] = [];
  #followedAt = 0;

  constructor(parts: ReplicasParts) {
    this.#parts = parts;
  }

  get all(): readonly TaskReplica[] {
    return [...this.#replicas.values()];
  }

  /**
   * Opens the state of tasks and brings it up to the ends of their changelogs, all of them at once: each from where it
   * stands, or from the beginning when it is of no use. False when the signal came first: what has been read until then is
   * kept. The tasks' committed offsets must have been read before, as stable ones: then nothing can be added to the
   * changelogs that belongs below them.
   */
  async restore(wanted: readonly WantedReplica[], signal: AbortSignal): Promise<boolean> {
    await this.#open(wanted);
    const replicas = wanted.map(({ id }) => must(this.#replicas.get(id), `no replica of task ${id}`));
    const { clock, positions, onRestore } = this.#parts;
    const isThrough = await this.#replay(replicas, signal);
    for (const replica of replicas) positions.moved(replica.positions);
    if (!isThrough) return false;
    await Promise.all(
      replicas.map((replica, i) => replica.complete(inputsOf(wanted[i]?.committed ?? {}), clock.now())),
    );
    for (const { id } of replicas) onRestore(id, 0, 0);
    return true;
  }

  /** Whether a task's changelogs have told of anything. */
  holdState(id: string): boolean {
    return this.#replicas.get(id)?.holdsState === true;
  }

  /** Hands a task's state over to whom runs the task. */
  take(id: string): TaskReplica {
    const replica = must(this.#replicas.get(id), `no replica of task ${id}`);
    this.#replicas.delete(id);
    return replica;
  }

  /** Gives up all but the named ones. */
  async keepOnly(ids: ReadonlySet<string>): Promise<void> {
    if (this.#replicas.size === 0) return;
    for (const [id, replica] of this.#replicas) {
      if (ids.has(id)) continue;
      this.#replicas.delete(id);
      await replica.state.close();
    }
  }

  /** Makes a replica of a task that has run here, so that it need not be read again. */
  adopt(task: StreamTask): void {
    this.#replicas.set(task.id, replicaOf(task, this.#parts, this.#parts.positions));
  }

  /** Lets standbys follow their changelogs, and no other replicas. */
  async follow(wanted: readonly WantedReplica[]): Promise<void> {
    this.unfollow();
    if (wanted.length === 0) return;
    await this.#open(wanted);
    this.#followed = wanted.map(({ id }) => must(this.#replicas.get(id), `no replica of task ${id}`));
    this.#fetcher ??= this.#parts.kafka.openFetcher({ bufferedBytesMax: FOLLOW_BYTES_MAX });
    this.#fetcher.assign(this.#followed.flatMap((replica) => replica.positions));
    for (const { id, remaining } of this.#followed) this.#parts.onFollow(id, 0, remaining);
  }

  /** Leaves the standbys where they are. */
  unfollow(): void {
    this.#fetcher?.assign([]);
    for (const { id } of this.#followed) this.#parts.onUnfollow(id);
    this.#followed = [];
    this.#waiting = [];
  }

  /** Has standbys take some of what has come. */
  async catchUp(): Promise<void> {
    if (this.#fetcher === null || this.#followed.length === 0) return;
    const now = this.#parts.clock.now();
    if (this.#waiting.length === 0 && hasPassed(now, this.#followedAt, FOLLOW_INTERVAL_MS)) {
      this.#followedAt = now;
      this.#waiting = [...(await this.#fetcher.poll(0))];
    }
    for (let taken = 0; taken < FOLLOW_RECORDS_MAX;) {
      const batch = this.#waiting.shift();
      if (batch === undefined) return;
      await this.#take(batch, now);
      taken += Math.max(1, batch.records.length);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#fetcher?.[Symbol.asyncDispose]();
  }

  async #take(batch: FetchedBatch, now: number): Promise<void> {
    const { positions, onFollow } = this.#parts;
    const replica = must(
      this.#followed.find((each) => each.partition === batch.partition && each.follows(batch.topic)),
      `no standby follows ${idOf(batch)}`,
    );
    replica.apply(batch, now);
    positions.moved(replica.positions);
    onFollow(replica.id, batch.records.length, replica.remaining);
    await this.#write(this.#followed);
  }

  /** Opens those that are not open, and sets the ends of all. */
  async #open(wanted: readonly WantedReplica[]): Promise<void> {
    const ranges = await changelogRanges(this.#parts, wanted);
    const opened = await Promise.allSettled(
      wanted.map(async (each, i) => {
        const known = this.#replicas.get(each.id);
        for (const { topic, end } of ranges[i] ?? []) known?.aim(topic, end);
        if (known === undefined)
          this.#replicas.set(each.id, await openReplica(this.#parts, each, ranges[i] ?? []));
      }),
    );
    // Not before all have ended: what is still being opened could not be closed.
    const failed = opened.find(({ status }) => status === 'rejected');
    if (failed?.status === 'rejected') throw failed.reason;
  }

  async #replay(replicas: readonly TaskReplica[], signal: AbortSignal): Promise<boolean> {
    const { kafka, clock, log, onRestore } = this.#parts;
    const restores = replicas
      .filter(({ remaining }) => remaining > 0)
      .map((replica) => ({
        replica,
        from: replica.from,
        progress: new RestoreProgress(replica.id, clock, log),
        fresh: 0,
      }));
    const unread = restores.flatMap((restore) =>
      restore.replica.unread.map((followed) => ({
        ...followed,
        partition: restore.replica.partition,
        restore,
      })),
    );
    const byPartition = new Map(unread.map((each) => [idOf(each), each.restore]));
    const onBatch = async (batch: FetchedBatch): Promise<void> => {
      const restore = must(byPartition.get(idOf(batch)), `no task follows ${idOf(batch)}`);
      restore.replica.apply(batch, clock.now());
      restore.fresh += batch.records.length;
      await this.#write(replicas);
    };
    const onProgress = (): void => {
      for (const restore of restores) {
        const { replica, progress, fresh } = restore;
        restore.fresh = 0;
        onRestore(replica.id, fresh, replica.remaining);
        progress.moved(fresh, replica.remaining);
      }
    };
    const ends = await readToEnd({
      kafka,
      signal,
      partitions: unread,
      starts: unread.map(({ offset }) => offset),
      ends: unread.map(({ end }) => end),
      onBatch,
      onProgress,
    });
    if (ends === null) return false;
    for (const { progress, from } of restores) if (progress.records > 0) progress.done(from);
    return true;
  }

  /** One task is written at a time, so that its batch is worth the while. */
  async #write(replicas: readonly TaskReplica[]): Promise<void> {
    let [bytes, most] = [0, replicas[0]];
    for (const replica of replicas) {
      bytes += replica.unwrittenBytes;
      if (replica.unwrittenBytes > (most?.unwrittenBytes ?? 0)) most = replica;
    }
    if (bytes >= UNWRITTEN_BYTES_MAX) await most?.write();
  }
}

const idOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic} ${partition}`;

function inputsOf(committed: WantedReplica['committed']): Record<string, number> {
  return Object.fromEntries(Object.entries(committed).map(([topic, offset]) => [topic, offset ?? 0]));
}
