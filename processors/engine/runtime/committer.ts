import type {
  GroupMetadata,
  PartitionOffset,
  TransactionalProducer,
} from '../../../connectors/kafka/port.ts';
import { assert } from '../../../infra/process/assert.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { ChangelogPositions } from './changelog-positions.ts';
import type { EngineMetrics } from './engine-metrics.ts';
import type { PendingOutput } from './pending-output.ts';
import type { StreamTask } from './stream-task.ts';

interface CommitterParts {
  readonly producer: TransactionalProducer;
  readonly pending: PendingOutput;
  readonly positions: ChangelogPositions;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: EngineMetrics;
  /** Told the offsets of each commit that is in. */
  readonly onCommitted: (offsets: readonly PartitionOffset[]) => void;
}

/**
 * Commits what all tasks of the process have done, as one Kafka transaction: results, repartitioned records,
 * changelogs and input offsets, or nothing of it. Stores follow only after the transaction is in.
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
   * @throws Failure as the producer does; stores and offsets then stand as they stood, and the session must end
   */
  async commit(tasks: readonly StreamTask[], group: GroupMetadata): Promise<void> {
    const { producer, pending, positions, clock, log, metrics, onCommitted } = this.#parts;
    if (!this.isPending(tasks)) return;
    assert(group.generationId >= 0, 'a commit without a generation is not fenced');
    const startedAt = clock.now();
    const records = [...pending.records, ...tasks.flatMap((task) => [...task.changes(startedAt)])];
    const offsets = movedOffsets(tasks);
    let sent: readonly PartitionOffset[] = [];
    producer.begin();
    try {
      if (records.length > 0) sent = await producer.send(records);
      await producer.sendOffsets(group, offsets);
      await producer.commit();
    } catch (error) {
      await producer
        .abort()
        .catch((second: unknown) => log.debug({ err: second }, `no abort: ${describe(second)}`));
      throw error;
    }
    pending.clear();
    positions.moved(sent);
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
  task.commitStores();
  for (const input of task.inputs) input.committed = input.processed;
  metrics.operators.counted(task.counts());
  const processed = task.takeProcessed();
  if (processed === 0) return;
  metrics.processed(task.id, processed);
  metrics.operators.stand(task.id, task.progress);
  for (const store of task.stores.values()) metrics.stateEntries(task.id, store.name, store.entries);
}
