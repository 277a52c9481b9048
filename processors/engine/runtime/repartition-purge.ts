import type { PartitionOffset, TopicPartition } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { Application } from './application.ts';

/** Milliseconds between two purges (Kafka Streams: `repartition.purge.interval.ms`). */
export const PURGE_INTERVAL_MS = 30_000;

/** Purges the repartition topics of an application until disposed. */
export function startPurge(
  { topology, names, kafka, clock, log }: Application,
  intervalMs = PURGE_INTERVAL_MS,
): RepartitionPurge {
  const topics = new Set(topology.plan.repartitions.map(({ name }) => names.repartition(name)));
  const purge = new RepartitionPurge({
    topics,
    committedOffsets: (partitions) => kafka.committedOffsets(names.applicationId, partitions),
    deleteRecords: (offsets) => kafka.deleteRecords(offsets),
    intervalMs,
    clock,
    log,
  });
  purge.start();
  return purge;
}

interface PurgeParts {
  /** Repartition topics: only the application itself reads them, each record once. */
  readonly topics: ReadonlySet<string>;
  readonly committedOffsets: (partitions: readonly TopicPartition[]) => Promise<readonly (number | null)[]>;
  readonly deleteRecords: (offsets: readonly PartitionOffset[]) => Promise<unknown>;
  readonly intervalMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Deletes what has been processed of repartition topics, whose retention is unlimited so that nothing is deleted that
 * has not. Runs beside the loop, one request at a time; a purge that fails is tried again with the next one.
 */
export class RepartitionPurge implements Disposable {
  readonly #parts: PurgeParts;
  readonly #stopping = new AbortController();
  /** By partition: an offset that was committed, until the log begins there. */
  readonly #due = new Map<string, PartitionOffset>();

  constructor(parts: PurgeParts) {
    this.#parts = parts;
  }

  /** Begins to purge, one interval from now. */
  start(): void {
    if (this.#parts.topics.size > 0) void this.#run(this.#stopping.signal);
  }

  /** To be told after each commit: only what is committed is ever deleted. */
  committed(offsets: readonly PartitionOffset[]): void {
    for (const offset of offsets)
      if (this.#parts.topics.has(offset.topic)) this.#due.set(`${offset.topic} ${offset.partition}`, offset);
  }

  /** Begins no other purge. One that is under way is not waited for: it deletes nothing that is not committed. */
  [Symbol.dispose](): void {
    this.#stopping.abort();
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, intervalMs } = this.#parts;
    for (;;) {
      await clock.sleep(intervalMs, signal);
      if (signal.aborted) return;
      if (this.#due.size > 0) await this.#purge(signal);
    }
  }

  async #purge(signal: AbortSignal): Promise<void> {
    const { log } = this.#parts;
    const purged = [...this.#due];
    try {
      await this.#delete(purged.map(([, { topic, partition }]) => ({ topic, partition })));
    } catch (error) {
      const level = signal.aborted ? 'debug' : 'warn';
      log[level]({ err: error }, `processed records of repartition topics stay for now: ${describe(error)}`);
      return;
    }
    for (const [key, offset] of purged) if (this.#due.get(key) === offset) this.#due.delete(key);
    log.debug({ partitions: purged.length }, 'processed records of repartition topics deleted');
  }
  /** Goes by the offsets of this moment: the topic may have been made anew since the commit, in a reset. */
  async #delete(partitions: readonly TopicPartition[]): Promise<void> {
    const { committedOffsets, deleteRecords } = this.#parts;
    const committed = await committedOffsets(partitions);
    const offsets = partitions.flatMap((partition, i) => {
      const offset = committed[i] ?? null;
      return offset === null ? [] : [{ ...partition, offset }];
    });
    if (offsets.length > 0) await deleteRecords(offsets);
  }
}
