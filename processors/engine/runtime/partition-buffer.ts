import type { DropReason } from '../record.ts';
import type { InputTopic, SourcedRecord } from './input-topics.ts';
import { ReadPosition } from './read-position.ts';

/** A record that has been read and waits for its turn. */
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

/** Cleared places at the front of the queue are given back when they are this many and more than half of it. */
const CLEARED_MAX = 1024;

/** One input partition of a task: what has been read and not yet processed. */
export class PartitionBuffer {
  readonly input: InputTopic;
  readonly read: ReadPosition;
  /** Next offset as Kafka has it, null before the first commit. */
  committed: number | null;
  paused = false;
  #queue: BufferedRecord[] = [];
  #refusals: Refusal[] = [];
  #first = 0;

  constructor(input: InputTopic, partition: number, start: number, committed: number | null) {
    this.input = input;
    this.read = new ReadPosition({ topic: input.topic, partition }, start);
    this.committed = committed;
  }

  get length(): number {
    return this.#queue.length - this.#first;
  }

  get head(): BufferedRecord | null {
    return this.#queue[this.#first] ?? null;
  }

  /** The offset up to which everything has been processed. */
  get processed(): number {
    return this.head?.offset ?? this.read.position;
  }

  push(record: BufferedRecord): void {
    this.#queue.push(record);
  }

  refuse(refusal: Refusal): void {
    this.#refusals.push(refusal);
  }

  /** Takes the refusals of what has been processed: those further on are read again if this process ends before. */
  takeRefusals(): readonly Refusal[] {
    if (this.#refusals.length === 0) return [];
    const { processed } = this;
    const taken = this.#refusals.filter(({ offset }) => offset < processed);
    this.#refusals = this.#refusals.filter(({ offset }) => offset >= processed);
    return taken;
  }

  shift(): void {
    this.#first++;
    if (this.#first < CLEARED_MAX || this.#first * 2 < this.#queue.length) return;
    this.#queue = this.#queue.slice(this.#first);
    this.#first = 0;
  }
}
