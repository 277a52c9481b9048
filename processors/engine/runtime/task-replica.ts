import type { ConsumerRecord, FetchedBatch, PartitionOffset } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { StateStore } from '../state/store.ts';
import type { TaskState } from '../state/task-state.ts';
import { placeOf } from './dead-letter.ts';

/** What a record counts for beside its bytes: many small ones take more memory than these. */
const RECORD_BYTES = 200;

/** A store and how far it is in its changelog. */
export interface FollowedStore {
  readonly store: StateStore;
  readonly topic: string;
  /** Next offset to be read. */
  offset: number;
  /** Where the changelog is to be read to, as far as is known. */
  end: number;
}

interface ReplicaParts {
  readonly id: string;
  readonly partition: number;
  readonly state: TaskState;
  readonly stores: readonly FollowedStore[];
  /** Where the stores were opened: as they were found, or empty. */
  readonly from: 'tail' | 'beginning';
  /** When the stores were as new as their changelogs; of empty ones, when they were opened. Milliseconds. */
  readonly time: number;
}

/** The state of a task that does not run: its stores follow their changelogs. */
export class TaskReplica {
  readonly id: string;
  readonly partition: number;
  readonly state: TaskState;
  readonly #stores: readonly FollowedStore[];
  #from: ReplicaParts['from'];
  #records = 0;
  #unwrittenBytes = 0;
  /**
   * A tombstone is kept for a time after it came, so stores miss none as long as they come to the end within that time after
   * they were at the end before. How far they are in between says nothing of it.
   */
  #time: number;

  constructor({ id, partition, state, stores, from, time }: ReplicaParts) {
    this.id = id;
    this.partition = partition;
    this.state = state;
    this.#stores = stores;
    this.#from = from;
    this.#time = time;
  }

  /** From where the next record is read, for the log. */
  get from(): ReplicaParts['from'] {
    return this.#records === 0 ? this.#from : 'tail';
  }

  /** Whether anything was ever written to its changelogs, as far as they were read. */
  get holdsState(): boolean {
    return this.#records > 0 || this.#stores.some(({ store }) => store.entries > 0);
  }

  /** Offsets to be read up to the ends. */
  get remaining(): number {
    return this.#stores.reduce((sum, { offset, end }) => sum + Math.max(0, end - offset), 0);
  }

  /** Keys and values that have been read since the last {@link write}, in memory until then. Bytes. */
  get unwrittenBytes(): number {
    return this.#unwrittenBytes;
  }

  /** Where reading goes on. */
  get positions(): readonly PartitionOffset[] {
    return this.#stores.map(({ topic, offset }) => ({ topic, partition: this.partition, offset }));
  }

  /** The changelogs that have not been read to the end. */
  get unread(): readonly FollowedStore[] {
    return this.#stores.filter(({ offset, end }) => offset < end);
  }

  follows(topic: string): boolean {
    return this.#stores.some((each) => each.topic === topic);
  }

  /** Sets the end of one of its changelogs. */
  aim(topic: string, end: number): void {
    const followed = this.#stores.find((each) => each.topic === topic);
    if (followed !== undefined) followed.end = end;
  }

  /**
   * Takes a batch of one of its changelogs; of another topic it takes nothing.
   * @throws Failure `engine.changelog_unreadable` (stop)
   */
  apply({ topic, records, nextOffset, lastStableOffset }: FetchedBatch, now: number): void {
    const followed = this.#stores.find((each) => each.topic === topic);
    if (followed === undefined) return;
    for (const record of records) {
      const { key, value } = record;
      if (key === null) continue;
      restoreRecord(followed.store, record, key);
      this.#unwrittenBytes += RECORD_BYTES + key.length + (value?.length ?? 0);
    }
    followed.offset = nextOffset;
    followed.end = Math.max(followed.end, lastStableOffset);
    this.#records += records.length;
    if (this.remaining === 0) this.#time = now;
  }

  /** Keeps what has been read; a loss of power may take it back. */
  async write(): Promise<void> {
    this.#unwrittenBytes = 0;
    await this.state.commit({ ...this.#checkpoint(), inputs: {} }, false);
  }

  /** To be called at the ends of the changelogs. `inputs` are the offsets that the stores then stand for. */
  async complete(inputs: Readonly<Record<string, number>>, now: number): Promise<void> {
    this.#unwrittenBytes = 0;
    this.#time = now;
    await this.state.commit({ ...this.#checkpoint(), inputs }, true);
  }

  #checkpoint(): { changelogs: Record<string, number>; time: number } {
    const changelogs = Object.fromEntries(this.#stores.map(({ store, offset }) => [store.name, offset]));
    return { changelogs, time: this.#time };
  }
}

function restoreRecord(store: StateStore, record: ConsumerRecord, key: Buffer): void {
  try {
    store.restore(key, record.value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new Failure(
      'engine.changelog_unreadable',
      'stop',
      `the record at ${placeOf(record)} is none of store ${store.name}: somebody else writes into its changelog`,
      {
        cause: error,
        fix: 'see who writes there, then build the state anew from the input topics: node processors/reset.ts',
      },
    );
  }
}
