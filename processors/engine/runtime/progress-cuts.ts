import type { FetchedBatch, Kafka, PartitionOffset } from '../../../connectors/kafka/port.ts';
import type { Log } from '../../../infra/process/log.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { type ProgressCut, decodeProgress, isProgress } from '../../../schemas/progress.ts';
import type { StreamTask } from './stream-task.ts';

/** Cuts that wait until a task has come to them; of more the oldest are forgotten, since the newer ones say more. */
const WAITING_MAX = 64;
const MICROS_PER_MILLI = 1_000n;

/**
 * The source's progress as the time of idle topics: when a task has processed all that a cut says was in Kafka, every
 * commit up to the cut has been seen, and time is the cut's, whether or not a record of its own says so.
 */
export class ProgressCuts {
  readonly #topic: string;
  readonly #log: Log;
  #next: number;
  #waiting: ProgressCut[] = [];
  /** Milliseconds, by task. */
  readonly #told = new WeakMap<StreamTask, number>();

  private constructor(topic: string, position: number, log: Log) {
    this.#topic = topic;
    this.#log = log;
    this.#next = position;
  }

  /** From the next cut on: one comes every second. */
  static async open(kafka: Kafka, prefix: string, log: Log): Promise<ProgressCuts> {
    const topic = progressTopicName(prefix);
    const [end = 0] = await kafka.listOffsets([{ topic, partition: 0 }], 'high-watermark');
    return new ProgressCuts(topic, end, log);
  }

  /** Where the fetcher has to go on reading. */
  get positions(): readonly PartitionOffset[] {
    return [{ topic: this.#topic, partition: 0, offset: this.#next }];
  }

  /** Takes a batch of the progress topic; returns false when it is of another one. */
  receive(batch: FetchedBatch): boolean {
    if (batch.topic !== this.#topic) return false;
    for (const record of batch.records)
      if (record.value !== null && isProgress(record, this.#log))
        this.#waiting.push(decodeProgress(record.value));
    this.#waiting = this.#waiting.slice(-WAITING_MAX);
    this.#next = batch.nextOffset;
    return true;
  }

  /** What tasks were told has been taken back: they are told again when they come to it. */
  forget(tasks: readonly StreamTask[]): void {
    for (const task of tasks) this.#told.delete(task);
  }

  /** Moves the time of tasks that have come to a cut. To be called between records. */
  apply(tasks: readonly StreamTask[]): void {
    if (this.#waiting.length === 0) return;
    let oldest = this.#waiting.length;
    for (const task of tasks) {
      const reached = this.#waiting.findLastIndex((cut) => task.hasReached(cut.offsets));
      oldest = Math.min(oldest, reached);
      const cut = this.#waiting[reached];
      if (cut === undefined) continue;
      const timeMs = Number(cut.commitTs / MICROS_PER_MILLI);
      if (timeMs <= (this.#told.get(task) ?? 0)) continue;
      this.#told.set(task, timeMs);
      task.advance(timeMs);
    }
    // What every task has come to has been said.
    if (tasks.length > 0 && oldest > 0) this.#waiting = this.#waiting.slice(oldest);
  }
}
