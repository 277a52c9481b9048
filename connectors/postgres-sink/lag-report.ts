import { type Clock, hasPassed } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import type { GroupMember, Kafka } from '../kafka/port.ts';
import type { HeldPartition } from './offset-table.ts';

/** Shortest time between two reports while batches follow each other. */
const REPORT_INTERVAL_MS = 1_000;

/**
 * Commits the sink's offsets to its consumer group, after they are in the target. Only lag tools read them, so a
 * failure is a warning and a busy sink reports once a second.
 */
export class LagReport {
  readonly #kafka: Kafka;
  readonly #clock: Clock;
  readonly #log: Log;
  #reportedAt = 0;
  #reported = new Map<string, number>();

  constructor(kafka: Kafka, clock: Clock, log: Log) {
    this.#kafka = kafka;
    this.#clock = clock;
    this.#log = log;
  }

  /** @param idle nothing else is to be done: report now what has moved */
  async report(member: GroupMember, held: readonly HeldPartition[], idle: boolean): Promise<void> {
    const now = this.#clock.now();
    if (!idle && !hasPassed(now, this.#reportedAt, REPORT_INTERVAL_MS)) return;
    const moved = held.filter((p) => this.#reported.get(`${p.topic}/${p.partition}`) !== p.nextOffset);
    if (moved.length === 0) return;
    this.#reportedAt = now;
    try {
      const offsets = moved.map(({ topic, partition, nextOffset }) => ({
        topic,
        partition,
        offset: nextOffset,
      }));
      await this.#kafka.commitOffsets(member.metadata, offsets);
      for (const p of moved) this.#reported.set(`${p.topic}/${p.partition}`, p.nextOffset);
    } catch (error) {
      this.#log.warn(
        { reason: describe(error) },
        'offsets are stored in the target but not in the consumer group',
      );
    }
  }
}
