import type { ConsumerRecord, FetchedBatch } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import { Failure, orderFor } from '../../../infra/process/failure.ts';
import { LOSSES } from '../bad-record-policies.ts';
import type { DropReason, StreamRecord } from '../record.ts';
import { type BadRecordJudge, type Drop, noBadRecords, recordFailed } from './bad-records.ts';
import { placeOf } from './dead-letter.ts';
import type { InputTopic, SourcedRecord } from './input-topics.ts';
import { undecodable } from './message-decoder.ts';
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
  readonly raw: ConsumerRecord;
  /** The first of its sources that has lost it. */
  readonly refusal: Drop | null;
}

/** Why a record is not to be processed. */
interface BadPlace {
  readonly reason: 'undecodable' | 'failed';
  readonly error: unknown;
}

/** Failed records without one in between that did not: then it is not the records. Such is a window that cannot be closed. */
const FAILED_IN_A_ROW_MAX = 1_000;
/** Places of failed records that one input remembers until they are committed. Each is committed soon after it was found. */
const BAD_PLACES_MAX = 1_000;

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
  read: ReadPosition;
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
  #refusal: Drop | null = null;
  /** By offset. */
  readonly #bad = new Map<number, BadPlace>();
  #failedInARow = 0;
  readonly #judge: BadRecordJudge;
  /** Where it begins while nothing is committed. */
  readonly #start: number;
  readonly #onDrop = (sourceId: string, reason: DropReason): void => {
    this.#refusals.push({ offset: this.#refusedOffset, sourceId, reason });
    if (LOSSES.has(reason)) this.#refusal ??= { node: sourceId, reason };
  };

  constructor(
    input: InputTopic,
    partition: number,
    start: number,
    committed: number | null,
    judge: BadRecordJudge = noBadRecords,
  ) {
    this.input = input;
    this.#judge = judge;
    this.#start = start;
    this.read = new ReadPosition({ topic: input.topic, partition }, start);
    this.committed = committed;
  }

  /** Records that wait, those included of which no source will make anything: exact where {@link head} is null. */
  get length(): number {
    return this.#length;
  }

  /**
   * The record whose turn is next; null too while it {@link needsSchemas}.
   * @throws Failure `engine.undecodable`, `engine.record_failed` (stop) where the policy is `fail`
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

  /**
   * Fetches the writers' schemas that the next record needs. One that the registry does not know, or that the reader
   * cannot use, makes the record a bad one.
   * @throws Failure `registry.unreachable` (retry)
   */
  async prepare(): Promise<void> {
    const raw = this.#unprepared;
    if (raw === null) return;
    try {
      await this.input.decoder.load(raw);
    } catch (error) {
      if (orderFor(error) === 'retry') throw error;
      const isTold = error instanceof Failure && error.code === 'engine.undecodable';
      this.#bad.set(raw.offset, { reason: 'undecodable', error: isTold ? error : undecodable(raw, error) });
    }
    this.#unprepared = null;
  }

  /**
   * The head has failed: it is set aside when it comes again after {@link rewind}.
   * @throws Failure `engine.every_record_fails` (stop)
   */
  failHead(error: unknown): void {
    const { raw, offset } = must(this.#head, 'an input without a head has nothing that fails');
    if (++this.#failedInARow > FAILED_IN_A_ROW_MAX || this.#bad.size >= BAD_PLACES_MAX)
      throw everyRecordFails(raw, error);
    this.#bad.set(offset, { reason: 'failed', error });
  }

  /** Forgets what is not committed. What comes next has to be fetched from {@link read} on. */
  rewind(): void {
    this.#queue.length = 0;
    this.#at = 0;
    this.#length = 0;
    this.#announced = 0;
    this.#head = null;
    this.#unprepared = null;
    this.#refusals = [];
    this.read = new ReadPosition(this.read.partition, this.committed ?? this.#start);
  }

  /** Takes the refusals of what has been processed: those further on are read again if this process ends before. */
  takeRefusals(): readonly Refusal[] {
    if (this.#refusals.length === 0) return [];
    const { processed } = this;
    for (const offset of this.#bad.keys()) if (offset < processed) this.#bad.delete(offset);
    const taken = this.#refusals.filter(({ offset }) => offset < processed);
    this.#refusals = this.#refusals.filter(({ offset }) => offset >= processed);
    return taken;
  }

  /** The head has been processed. */
  shift(): void {
    if (this.#head !== null) this.#judge.passed(this.#head.raw, this.#head.refusal);
    this.#head = null;
    this.#failedInARow = 0;
    this.#length--;
  }

  #decodeNext(): BufferedRecord | null {
    if (this.#unprepared !== null) return null;
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      const raw = must(batch.records[this.#at], 'a queued batch has records left');
      const records = this.#admit(raw);
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
      if (last !== undefined) return (this.#head = this.#buffered(raw, batch.round, records, last));
      this.#judge.passed(raw, this.#refusal);
      this.#length--;
    }
    return null;
  }

  #admit(raw: ConsumerRecord): readonly SourcedRecord[] | null {
    this.#refusedOffset = raw.offset;
    this.#refusal = null;
    const bad = this.#bad.size === 0 ? undefined : this.#bad.get(raw.offset);
    if (bad !== undefined) return this.#setAside(raw, bad);
    try {
      return this.input.admit(raw, this.#onDrop);
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      if (error.code === 'engine.undecodable') return this.#setAside(raw, { reason: 'undecodable', error });
      return this.#setAside(raw, { reason: 'failed', error: recordFailed(raw, error) });
    }
  }

  #setAside(raw: ConsumerRecord, { reason, error }: BadPlace): readonly SourcedRecord[] {
    this.#judge.setAside(raw, reason, error);
    // Sources that came before the failing one may have refused it already.
    this.#refusals = this.#refusals.filter(({ offset }) => offset !== raw.offset);
    for (const sourceId of this.input.sources) this.#refusals.push({ offset: raw.offset, sourceId, reason });
    this.#refusal = null;
    return [];
  }

  #buffered(
    raw: ConsumerRecord,
    round: number,
    records: readonly SourcedRecord[],
    { time, commitTime }: StreamRecord,
  ): BufferedRecord {
    const { offset } = raw;
    const turn = this.input.isTable ? commitTime : time;
    return { offset, round, time: turn, commitTime, records, raw, refusal: this.#refusal };
  }
}

function everyRecordFails(raw: ConsumerRecord, cause: unknown): Failure {
  return new Failure(
    'engine.every_record_fails',
    'stop',
    `the last ${FAILED_IN_A_ROW_MAX} records before ${placeOf(raw)} have all failed: it is not the records that are bad`,
    {
      cause,
      fix: 'mend the function; what was set aside so far is in the dead-letter topic where the policy is dlq',
    },
  );
}
