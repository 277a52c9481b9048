import type { ConsumerRecord, FetchedBatch } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { DropReason, StreamRecord } from '../record.ts';
import type { InputTopic, SourcedRecord } from './input-topics.ts';
import { ReadPosition } from './read-position.ts';

/** The next record of an input, decoded. */
export interface BufferedRecord {
  readonly offset: number;
  /** Poll round that brought it. */
  readonly round: number;
  /** What its turn goes by: event time of a stream, commit time of a table. */
  readonly time: number;
  readonly commitTime: number;
  readonly records: readonly SourcedRecord[];
}

/** A source that made no record of a message. */
interface Refusal {
  readonly offset: number;
  readonly sourceId: string;
  readonly reason: DropReason;
}

/** Records as they were fetched, with the poll round that brought them. */
interface FetchedRecords {
  readonly records: FetchedBatch['records'];
  readonly round: number;
}

/**
 * One input partition of a task: what has been read and not yet processed. Records wait as the bytes that were fetched:
 * decoded they take ten times as much memory, and live so long that each would cost the garbage collector two copies.
 */
export class PartitionBuffer {
  readonly input: InputTopic;
  readonly read: ReadPosition;
  /** Next offset as Kafka has it, null before the first commit. */
  committed: number | null;
  paused = false;
  readonly #queue: FetchedRecords[] = [];
  /** In the first batch of the queue, the next record to decode. */
  #at = 0;
  #length = 0;
  /** How many of the messages behind the head {@link takeUpcoming} has handed out. */
  #announced = 0;
  #head: BufferedRecord | null = null;
  #unprepared: ConsumerRecord | null = null;
  #refusals: Refusal[] = [];
  #refusedOffset = 0;
  readonly #onDrop = (sourceId: string, reason: DropReason): void =>
    void this.#refusals.push({ offset: this.#refusedOffset, sourceId, reason });

  constructor(input: InputTopic, partition: number, start: number, committed: number | null) {
    this.input = input;
    this.read = new ReadPosition({ topic: input.topic, partition }, start);
    this.committed = committed;
  }

  /** Records that wait, those included of which no source will make anything: exact where {@link head} is null. */
  get length(): number {
    return this.#length;
  }

  /**
   * The record whose turn is next; null too while it {@link needsSchemas}.
   * @throws Failure `engine.undecodable` (stop)
   */
  get head(): BufferedRecord | null {
    return this.#head ?? this.#decodeNext();
  }

  /** Whether the next record cannot be decoded before {@link prepare}. */
  get needsSchemas(): boolean {
    return this.#unprepared !== null;
  }

  /** The offset up to which everything has been processed. */
  get processed(): number {
    return this.#head?.offset ?? this.#queue[0]?.records[this.#at]?.offset ?? this.read.position;
  }

  /** Takes what was fetched by the poll of `round`. */
  push({ records, nextOffset }: FetchedBatch, round: number): void {
    if (records.length > 0) this.#queue.push({ records, round });
    this.#length += records.length;
    this.read.moveTo(nextOffset);
  }

  /** Of the next `count` messages behind the head those that it has not yet handed out. They stay where they are. */
  takeUpcoming(count: number): readonly ConsumerRecord[] {
    const upcoming: ConsumerRecord[] = [];
    const missing = count - this.#announced;
    let skipped = this.#at + this.#announced;
    for (const { records } of this.#queue) {
      for (let i = skipped; i < records.length && upcoming.length < missing; i++)
        upcoming.push(must(records[i], 'a queued batch has no holes'));
      skipped = Math.max(0, skipped - records.length);
    }
    this.#announced += upcoming.length;
    return upcoming;
  }

  /** Whether the next `count` messages behind the head, or all there are, have been handed out by {@link takeUpcoming}. */
  isAnnounced(count: number): boolean {
    return this.#announced >= Math.min(count, this.#head === null ? this.#length : this.#length - 1);
  }

  /** Fetches the writers' schemas that the next record needs. */
  async prepare(): Promise<void> {
    if (this.#unprepared === null) return;
    await this.input.decoder.load(this.#unprepared);
    this.#unprepared = null;
  }

  /** Takes the refusals of what has been processed: those further on are read again if this process ends before. */
  takeRefusals(): readonly Refusal[] {
    if (this.#refusals.length === 0) return [];
    const { processed } = this;
    const taken = this.#refusals.filter(({ offset }) => offset < processed);
    this.#refusals = this.#refusals.filter(({ offset }) => offset >= processed);
    return taken;
  }

  /** The head has been processed. */
  shift(): void {
    this.#head = null;
    this.#length--;
  }

  #decodeNext(): BufferedRecord | null {
    if (this.#unprepared !== null) return null;
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const raw = must(batch.records[this.#at], 'a queued batch has records left');
      this.#refusedOffset = raw.offset;
      const records = this.input.admit(raw, this.#onDrop);
      if (records === null) {
        this.#unprepared = raw;
        return null;
      }
      if (this.#announced > 0) this.#announced--;
      if (++this.#at === batch.records.length) {
        this.#queue.shift();
        this.#at = 0;
      }
      // A stream's, whose time is that of the event, comes behind a table's.
      const last = records.at(-1)?.record;
      if (last !== undefined) return (this.#head = this.#buffered(raw.offset, batch.round, records, last));
      this.#length--;
    }
    return null;
  }

  #buffered(
    offset: number,
    round: number,
    records: readonly SourcedRecord[],
    { time, commitTime }: StreamRecord,
  ): BufferedRecord {
    return { offset, round, time: this.input.isTable ? commitTime : time, commitTime, records };
  }
}
