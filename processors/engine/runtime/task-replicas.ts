import type { FetchedBatch } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import { type ReplicaHome, type WantedReplica, changelogRanges, openReplica } from './open-replicas.ts';
import { readToEnd } from './read-to-end.ts';
import { RestoreProgress } from './restore-progress.ts';
import type { TaskReplica } from './task-replica.ts';

/** Bytes of restored keys and values, of all tasks together, after which the task that has most of them is written. */
const UNWRITTEN_BYTES_MAX = 8 * 1024 * 1024;

interface ReplicasParts extends ReplicaHome {
  readonly positions: ChangelogPositions;
  /** Told after each step of a restore how many records of a task it read, and how many offsets are left. */
  readonly onRestore: (task: string, records: number, remaining: number) => void;
}

/** The replicas of a process: what is being restored, until its task runs. */
export class TaskReplicas {
  readonly #parts: ReplicasParts;
  readonly #replicas = new Map<string, TaskReplica>();

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
    for (const [id, replica] of this.#replicas) {
      if (ids.has(id)) continue;
      this.#replicas.delete(id);
      await replica.state.close();
    }
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
      restore.replica.apply(batch);
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
