import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { describe, orderFor } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { encodeProgress } from '../../../schemas/progress.ts';
import { RecordList } from '../../kafka/record-list.ts';
import type { Producer, ProducerRecord, TransactionalProducer } from '../../kafka/port.ts';
import type { Progress } from './batcher.ts';
import type { CopyBook } from '../copies/copy-state.ts';
import type { EndOffsets } from '../place/end-offsets.ts';
import type { Lsn } from '../place/lsn.ts';
import type { RefusalBook } from '../shapes/refusal-state.ts';
import { type SnapshotState, type SourcePosition, encodePosition } from '../place/position.ts';

/** A cut goes with a Kafka transaction at most this often; the rest follows when the stream is idle. */
const CUT_INTERVAL_MS = 100;

export interface PublisherOptions {
  readonly producer: TransactionalProducer;
  /**
   * Of rows, when they go at least once: outside of the transaction that moves the position, and before it. Null: they are
   * part of it.
   */
  readonly rowProducer: Producer | null;
  readonly ends: EndOffsets;
  readonly positionTopic: string;
  readonly progressTopic: string;
  readonly identity: Pick<SourcePosition, 'systemId' | 'timeline' | 'slot' | 'publicationOid'>;
  /** What it says when a Kafka transaction begins goes into its position. */
  readonly copies: CopyBook;
  /** Topics that may lack rows of their table. */
  readonly incomplete: () => readonly string[];
  readonly refusals: RefusalBook;
  /** What goes out with the next transaction beside its rows; emptied then. */
  readonly notes: ProducerRecord[];
  /** The slot may still have to be made. */
  readonly creating: boolean;
  /** Told once: the first copy of every table is in Kafka. */
  readonly onInitialDone: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** Told after each commit, with its duration in milliseconds from the first send. */
  readonly onCommit: (durationMs: number) => void;
}

/** Writes rows, position and progress cut in one Kafka transaction; with at least once, the rows before it. */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #key: Buffer;
  #creating: boolean;
  #initialDone: boolean;
  #cutLsn: Lsn = 0n;
  #cutAtMs = 0;

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.#key = Buffer.from(options.identity.slot);
    this.#creating = options.creating;
    this.#initialDone = !options.creating && options.copies.initialDone;
  }

  /** True when the last cut is behind the position that is published. */
  cutIsBehind(published: Lsn): boolean {
    return this.#initialDone && this.#cutLsn < published;
  }

  /** The slot exists; the next transaction says so. */
  slotIsMade(): void {
    this.#creating = false;
  }

  /**
   * The list is used up. @throws Failure of the Kafka port, after an attempt to abort; a fenced producer has nothing to abort
   */
  async publish(records: RecordList, progress: Progress): Promise<void> {
    const { producer, ends, clock } = this.#options;
    const startedMs = clock.now();
    // The copies are where these records bring them: by the next turn they may be further.
    const snapshot = this.#snapshot();
    const position = this.#position(progress, snapshot, startedMs);
    const incomplete = snapshot === 'done' ? this.#options.incomplete() : [];
    const notes = this.#options.notes.splice(0);
    const isEmpty = records.length === 0;
    const inside = await this.#sendBefore(records);
    for (const note of notes) inside.add(note);
    inside.add(position);
    producer.begin();
    try {
      ends.advance(await producer.send(inside));
      const cut = snapshot === 'done' && this.#cutIsDue(isEmpty, startedMs);
      if (cut) await producer.send([this.#cut(progress, incomplete, startedMs)]);
      await producer.commit();
      if (cut) this.#cutLsn = progress.endLsn;
    } catch (error) {
      if (orderFor(error) !== 'fenced') await this.#abort();
      throw error;
    }
    this.#options.onCommit(clock.now() - startedMs);
    if (snapshot === 'done' && !this.#initialDone) {
      this.#initialDone = true;
      this.#options.onInitialDone();
    }
  }

  /** What is left for the transaction. A position must not be in Kafka before the rows that it stands for. */
  async #sendBefore(records: RecordList): Promise<RecordList> {
    const { rowProducer, ends } = this.#options;
    if (rowProducer === null || records.length === 0) return records;
    ends.advance(await rowProducer.send(records));
    return new RecordList();
  }

  /** The first cut follows `done`, in the same transaction as the last rows. */
  #snapshot(): SnapshotState {
    if (this.#creating) return 'creating';
    return this.#initialDone || this.#options.copies.initialDone ? 'done' : 'pending';
  }

  /** An open transaction holds readers back until its timeout: so it is ended, if the broker can be reached. */
  async #abort(): Promise<void> {
    try {
      await this.#options.producer.abort();
    } catch (error) {
      this.#options.log.warn({ reason: describe(error) }, 'a Kafka transaction is left to its timeout');
    }
  }

  #cutIsDue(isEmpty: boolean, nowMs: number): boolean {
    const due = isEmpty || hasPassed(nowMs, this.#cutAtMs, CUT_INTERVAL_MS);
    if (due) this.#cutAtMs = nowMs;
    return due;
  }

  #position(progress: Progress, snapshot: SnapshotState, timestamp: number): ProducerRecord {
    const { positionTopic, identity, copies, refusals } = this.#options;
    const state = { snapshot, copies: copies.state, refusals: refusals.state };
    const value = encodePosition({ ...identity, ...progress, ...state });
    return { topic: positionTopic, partition: 0, timestamp, key: this.#key, value };
  }

  #cut(progress: Progress, incomplete: readonly string[], timestamp: number): ProducerRecord {
    const { progressTopic, identity, ends } = this.#options;
    const { endLsn, commitTs } = progress;
    const cut = { endLsn, commitTs, systemId: identity.systemId, offsets: ends.toJSON() };
    const value = encodeProgress(incomplete.length === 0 ? cut : { ...cut, incomplete });
    return { topic: progressTopic, partition: 0, timestamp, key: this.#key, value };
  }
}
