import type { Client } from 'pg';
import { type Clock, hasPassed } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import type { Log } from '../../infra/process/log.ts';
import { type CutOrigin, isProgress } from '../../schemas/progress.ts';
import { AccessDenied } from '../kafka/access.ts';
import type { FetchedBatch, Kafka, PartitionOffset } from '../kafka/port.ts';
import type { Advance, HeldPartition } from './offset-table.ts';
import {
  type TopicCut,
  recordNewest,
  recordProgress,
  retractAllProgress,
  retractProgress,
} from './progress-table.ts';
import { WaitingCuts } from './waiting-cuts.ts';

/** What is read back of a progress topic, offsets: the cuts that were said last are among them. */
const TAIL_OFFSETS = 1_000;
/** Between two looks for a progress topic that does not exist yet, and between two reports of the newest LSN. Milliseconds. */
const LOOK_INTERVAL_MS = 1_000;

interface ViewProgressParts {
  readonly kafka: Pick<Kafka, 'existingTopics' | 'listOffsets'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly sink: string;
  /** Those that fill tables. */
  readonly topics: Iterable<string>;
  /** Where cuts are said: of the source and of processors. */
  readonly progressTopics: readonly string[];
}

/** What the sink's tables stand for: reads progress cuts beside the rows and records those that the tables have come to. */
export class ViewProgress {
  readonly #parts: ViewProgressParts;
  readonly #cuts: WaitingCuts;
  /** Next offsets of the progress topics that exist. */
  readonly #next = new Map<string, number>();
  /** Progress topics that may not be read. */
  readonly #denied = new Set<string>();
  #mustRetractAll = false;
  #retracted: CutOrigin[] = [];
  #lookedAt = 0;
  #toldAt = 0;
  #told = new Map<string, bigint>();

  constructor(parts: ViewProgressParts) {
    this.#parts = parts;
    this.#cuts = new WaitingCuts(parts.topics);
  }

  /** Where the fetcher has to go on reading. */
  get positions(): readonly PartitionOffset[] {
    return [...this.#next].map(([topic, offset]) => ({ topic, partition: 0, offset }));
  }

  /** To be called when partitions are claimed: what other sessions have recorded is not known. */
  async begin(): Promise<void> {
    this.#cuts.forgetRecorded();
    this.#told.clear();
    this.#next.clear();
    await this.#locate();
  }

  /** Whether there is another progress topic to read: processors make theirs when they have something to say. */
  async hasAppeared(): Promise<boolean> {
    const { progressTopics, clock } = this.#parts;
    const isDue = hasPassed(clock.now(), this.#lookedAt, LOOK_INTERVAL_MS);
    return this.#next.size < progressTopics.length && isDue && (await this.#locate());
  }

  /** Takes what is of progress topics, and returns the rest. */
  sift(batches: readonly FetchedBatch[]): readonly FetchedBatch[] {
    return batches.filter((batch) => {
      if (!this.#next.has(batch.topic)) return true;
      for (const record of batch.records) {
        const { key, value } = record;
        const isOurs = isProgress(record, this.#parts.log);
        const retracted = key === null || !isOurs ? null : this.#cuts.receive(key, value);
        if (retracted !== null) this.#retracted.push(retracted);
      }
      this.#next.set(batch.topic, batch.nextOffset);
      return false;
    });
  }

  /** Takes back what is not claimed any more, and tells now and then how far the sources are. To be called outside of a transaction. */
  async settle(client: Client): Promise<void> {
    const { sink, clock } = this.#parts;
    if (this.#mustRetractAll) {
      await retractAllProgress(client, sink);
      this.#cuts.forgetRecorded();
      this.#mustRetractAll = false;
    }
    for (const origin of this.#retracted.splice(0)) await retractProgress(client, sink, origin);
    const now = clock.now();
    if (!hasPassed(now, this.#toldAt, LOOK_INTERVAL_MS)) return;
    const news = new Map([...this.#cuts.newest].filter(([source, lsn]) => this.#told.get(source) !== lsn));
    if (news.size === 0) return;
    await recordNewest(client, sink, news);
    this.#toldAt = now;
    this.#told = new Map(this.#cuts.newest);
  }

  /** Records what the tables have come to with these advances. Returns what to say {@link recorded} once it is committed. */
  async record(
    client: Client,
    held: readonly HeldPartition[],
    advances: readonly Advance[] = [],
  ): Promise<readonly TopicCut[]> {
    const offsets = new Map(held.map((p) => [`${p.topic}/${p.partition}`, p.nextOffset]));
    for (const { held: p, nextOffset } of advances) offsets.set(`${p.topic}/${p.partition}`, nextOffset);
    const passed = this.#cuts.passed((topic, partition) => offsets.get(`${topic}/${partition}`));
    const { newest } = this.#cuts;
    return await recordProgress(client, this.#parts.sink, passed, (source) => newest.get(source) ?? 0n);
  }

  recorded(cuts: readonly TopicCut[]): void {
    this.#cuts.recorded(cuts);
  }

  /** Whether it has found a topic that it did not read before. */
  async #locate(): Promise<boolean> {
    const { kafka, clock, progressTopics } = this.#parts;
    this.#lookedAt = clock.now();
    const found: { readonly topic: string; readonly partition: 0 }[] = [];
    for (const topic of progressTopics)
      if (!this.#next.has(topic) && !this.#denied.has(topic) && (await this.#isThere(topic)))
        found.push({ topic, partition: 0 });
    if (found.length === 0) return false;
    const starts = await kafka.listOffsets(found, 'earliest');
    const ends = await kafka.listOffsets(found, 'high-watermark');
    for (const [i, { topic }] of found.entries())
      this.#next.set(topic, Math.max(starts[i] ?? 0, (ends[i] ?? 0) - TAIL_OFFSETS));
    return true;
  }

  async #isThere(topic: string): Promise<boolean> {
    try {
      return (await this.#parts.kafka.existingTopics([topic])).length > 0;
    } catch (error) {
      if (!this.deny(error)) throw error;
      return false;
    }
  }

  /**
   * Takes an error that says that a progress topic may not be read: the tables are filled all the same, and readers are told
   * nothing of them, nor what was told before, since it may have been taken back. Such topics are left alone until the sink
   * is started again.
   * @returns false for any other error
   */
  deny(error: unknown): boolean {
    if (!(error instanceof AccessDenied)) return false;
    const { log, progressTopics } = this.#parts;
    const topics = error.rights.map(({ name }) => name);
    if (!topics.every((topic) => progressTopics.includes(topic))) return false;
    for (const topic of topics) {
      this.#denied.add(topic);
      this.#next.delete(topic);
    }
    this.#mustRetractAll = true;
    log.warn(
      { topics, reason: describe(error) },
      'a progress topic may not be read: tables are filled, but what they stand for is not told, and millrace.wait_for waits in vain',
    );
    return true;
  }
}
