import type { GroupMetadata, PartitionOffset } from '../../../connectors/kafka/port.ts';
import { assert } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import type { CommitChannel } from './commit-channel.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import type { PendingOutput } from './pending-output.ts';
import type { StreamTask } from './stream-task.ts';

interface CommitterParts {
  readonly channel: CommitChannel;
  readonly pending: PendingOutput;
  readonly positions: ChangelogPositions;
  readonly clock: Clock;
  readonly metrics: EngineMetrics;
  /** Told the offsets of each commit that is in. */
  readonly onCommitted: (offsets: readonly PartitionOffset[]) => void;
}

/**
 * Commits what all tasks of the process have done: results, repartitioned records, changelogs and input offsets, with
 * exactly-once as one Kafka transaction. Stores follow only after all that is in: a process that ends in between finds
 * them behind their changelogs, never ahead.
 */
export class Committer {
  readonly #parts: CommitterParts;
  #committedAt: number;

  constructor(parts: CommitterParts) {
    this.#parts = parts;
    this.#committedAt = parts.clock.now();
  }

  /** Milliseconds since the last commit, or since the start; very many when the clock was set back. */
  get ageMs(): number {
    const ageMs = this.#parts.clock.now() - this.#committedAt;
    return ageMs < 0 ? Number.POSITIVE_INFINITY : ageMs;
  }

  /** Whether there is anything to commit, be it only an offset that has moved past a control record. */
  isPending(tasks: Iterable<StreamTask>): boolean {
    if (this.#parts.pending.records.length > 0) return true;
    for (const task of tasks)
      for (const input of task.inputs) if (input.processed !== input.committed) return true;
    return false;
  }

  /**
   * Does nothing when there is nothing to commit: no transaction is ever empty.
   * @throws Failure as the channel does, and `engine.state_write_failed` (restart) when the commit is in and a store cannot
   * follow: the session must end
   */
  async commit(tasks: readonly StreamTask[], group: GroupMetadata): Promise<void> {
    const { channel, pending, positions, clock, metrics, onCommitted } = this.#parts;
    if (!this.isPending(tasks)) return;
    assert(group.generationId >= 0, 'a commit without a generation is not fenced');
    const startedAt = clock.now();
    const changes = tasks.flatMap((task) => [...task.changes(startedAt)]);
    const offsets = movedOffsets(tasks);
    const sent = await channel.commit({ outputs: pending.records, changes }, group, offsets);
    pending.clear();
    positions.moved(sent);
    await Promise.all(
      tasks.map((task) => task.commitState(positions.changelogs(task.storePlans, task.partition), startedAt)),
    );
    for (const task of tasks) settle(task, metrics);
    onCommitted(offsets);
    this.#committedAt = clock.now();
    metrics.committed((this.#committedAt - startedAt) / 1_000);
  }
}

function movedOffsets(tasks: readonly StreamTask[]): PartitionOffset[] {
  return tasks.flatMap((task) =>
    task.inputs
      .filter((input) => input.processed !== input.committed)
      .map((input) => ({ ...input.read.partition, offset: input.processed })),
  );
}

function settle(task: StreamTask, metrics: EngineMetrics): void {
  for (const input of task.inputs) input.committed = input.processed;
  metrics.operators.counted(task.counts());
  const processed = task.takeProcessed();
  if (processed === 0) return;
  metrics.processed(task.id, processed);
  metrics.operators.stand(task.id, task.progress);
  for (const store of task.stores.values()) metrics.stateEntries(task.id, store.name, store.entries);
}
