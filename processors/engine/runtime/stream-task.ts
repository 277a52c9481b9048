import { must } from '../../../infra/process/assert.ts';
import { isRuntimeFault } from '../bad-record-policies.ts';
import type { FetchedBatch, ProducerRecord } from '../../../connectors/kafka/port.ts';
import type { PlanStore } from '../plan/plan.ts';
import type { ProcessorGraph } from '../processor-graph.ts';
import type { OperatorCounts } from '../operator-counts.ts';
import type { StateStore } from '../state/store.ts';
import type { Checkpoint, TaskState } from '../state/task-state.ts';
import { recordFailed } from './bad-records.ts';
import type { GlobalTables } from './global-reader.ts';
import type { OperatorProgress } from './operator-progress.ts';
import type { PartitionBuffer } from './partition-buffer.ts';
import type { ReadPosition } from './read-position.ts';
import { StateReadAhead } from './state-read-ahead.ts';

/** What a task is made of. `inputs` stand in order of their topics' names. */
export interface TaskParts {
  readonly id: string;
  readonly partition: number;
  readonly inputs: readonly PartitionBuffer[];
  readonly storePlans: readonly PlanStore[];
  readonly state: TaskState;
  readonly graph: ProcessorGraph;
  readonly globals: Pick<GlobalTables, 'areClearFor'>;
  readonly changelog: (store: string) => string;
  /** Its operators that go by event time. */
  readonly progress: readonly OperatorProgress[];
}

/** What tasks cannot go on without. */
export interface Lacking {
  /** Partitions whose end has to be listed. */
  readonly ends: Set<ReadPosition>;
  /** Inputs whose next record was written with a schema that is not known yet. */
  readonly schemas: Set<PartitionBuffer>;
}

/** No poll of a process comes before it: what is clear for it was listed after the task began. */
const FIRST_ROUND = 0;

/** One partition of one sub-topology at work: inputs, operators, stores. */
export class StreamTask {
  readonly id: string;
  readonly partition: number;
  readonly inputs: readonly PartitionBuffer[];
  readonly progress: readonly OperatorProgress[];
  readonly #parts: TaskParts;
  /** Inputs that are to be read to their ends before anything else is, with these ends once they are known. */
  readonly #loading: Map<PartitionBuffer, number | null>;
  readonly #ahead: StateReadAhead;
  #processed = 0;

  constructor(parts: TaskParts) {
    this.id = parts.id;
    this.partition = parts.partition;
    this.inputs = parts.inputs;
    this.progress = parts.progress;
    this.#parts = parts;
    this.#loading = new Map(parts.inputs.filter(isLoadedFirst).map((input) => [input, null]));
    this.#ahead = new StateReadAhead(parts.inputs, parts.state);
  }

  get stores(): ReadonlyMap<string, StateStore> {
    return this.#parts.state.stores;
  }

  get storePlans(): readonly PlanStore[] {
    return this.#parts.storePlans;
  }

  /** Takes what was fetched of one of its partitions. */
  receive(batch: FetchedBatch, round: number): void {
    const buffer = must(
      this.inputs.find(({ input }) => input.topic === batch.topic),
      `task ${this.id} does not read ${batch.topic}`,
    );
    buffer.push(batch, round);
  }

  /**
   * The input whose head is next, or null while there is none or an earlier record may still be on its way: every
   * other input must have something buffered or be clear for it, and so must every global table. What has to come from
   * Kafka or the registry first is added to `lacking`.
   * @throws Failure `engine.undecodable` (stop)
   */
  next(lacking: Lacking): PartitionBuffer | null {
    const chosen = this.#isLoading(lacking) ? this.#choose(this.#loading.keys()) : this.#choose(this.inputs);
    if (chosen === null || this.#loading.size > 0) return this.#lackSchemas(lacking, chosen);
    const round = must(chosen.head, 'a chosen input has a head').round;
    let clear = this.#parts.globals.areClearFor(round, lacking.ends);
    for (const { length, read } of this.inputs) {
      if (length > 0 || read.isClearFor(round)) continue;
      clear = false;
      if (read.needsListing(round)) lacking.ends.add(read);
    }
    return this.#lackSchemas(lacking, clear ? chosen : null);
  }

  /** To be awaited before the next `count` records are processed: what they ask of state on disk is read meanwhile. */
  async readAhead(count: number): Promise<void> {
    await this.#ahead.next(count);
  }

  /**
   * Runs an input's head through the operators.
   * @throws Failure `engine.record_failed` (stop) that names the record's place: what it has done so far stands until
   * {@link rewind}
   */
  process(input: PartitionBuffer): void {
    const head = must(input.head, 'an input without a head has nothing to process');
    try {
      for (let i = 0; i < head.records.length; i++) {
        const sourced = head.records[i];
        if (sourced !== undefined) this.#parts.graph.process(sourced.sourceId, sourced.record);
      }
    } catch (error) {
      throw isRuntimeFault(error) ? error : recordFailed(head.raw, error, `task ${this.id}`);
    }
    input.shift();
    this.#processed++;
  }

  /** Takes back all that is not committed: stores, counts, and what has been read. */
  rewind(): void {
    for (const store of this.stores.values()) store.rollback();
    for (const counts of this.#parts.graph.counts.values()) counts.reset();
    for (const input of this.inputs) input.rewind();
    for (const input of this.inputs) if (isLoadedFirst(input)) this.#loading.set(input, null);
    this.#processed = 0;
  }

  /** Whether all that a cut names of its catalogue topics has been processed. False where it names not all of them. */
  hasReached(offsets: Readonly<Record<string, readonly number[]>>): boolean {
    let isNamed = false;
    for (const { input, processed } of this.inputs) {
      if (input.isInternal) continue;
      const end = offsets[input.topic]?.[this.partition];
      if (end === undefined || processed < end) return false;
      isNamed = true;
    }
    return isNamed;
  }

  /** No event that was committed before `time` will come any more. @throws Failure of a user's function */
  advance(time: number): void {
    this.#parts.graph.advance(time, time);
  }

  /** Records processed since the last call. */
  takeProcessed(): number {
    const processed = this.#processed;
    this.#processed = 0;
    return processed;
  }

  /**
   * What its operators have done since the counts were last set back: to be asked with each commit, whose offsets have
   * moved past all of it.
   */
  counts(): Iterable<OperatorCounts> {
    const { counts } = this.#parts.graph;
    for (const input of this.inputs)
      for (const { sourceId, reason } of input.takeRefusals()) counts.get(sourceId)?.refuse(reason);
    return counts.values();
  }

  /** The staged writes of all its stores, as records of their changelogs. `timestamp` is that of the transaction. */
  *changes(timestamp: number): Iterable<ProducerRecord> {
    for (const { name, changelog } of this.#parts.storePlans) {
      const store = this.stores.get(name);
      if (!changelog || store === undefined || store.stagedEntries === 0) continue;
      const topic = this.#parts.changelog(name);
      for (const { key, value } of store.staged())
        yield { topic, partition: this.partition, timestamp, key, value };
    }
  }

  /** To be called when the transaction with its {@link changes} is in. `changelogs` is where these end, by store. */
  async commitState(changelogs: Checkpoint['changelogs'], time: number): Promise<void> {
    const inputs = Object.fromEntries(this.inputs.map(({ input, processed }) => [input.topic, processed]));
    await this.#parts.state.commit({ changelogs, inputs, time }, true);
  }

  /** Hands its state over, as of the last commit. The task must not be used again. */
  release(): TaskState {
    for (const store of this.stores.values()) store.rollback();
    return this.#parts.state;
  }

  /** Gives up what is not committed. */
  async close(): Promise<void> {
    await this.#parts.state.close();
  }

  #isLoading({ ends }: Lacking): boolean {
    for (const [input, known] of this.#loading) {
      const { read } = input;
      const end = known ?? (read.isClearFor(FIRST_ROUND) ? read.position : null);
      if (end !== null && input.processed >= end) this.#loading.delete(input);
      else if (end !== known) this.#loading.set(input, end);
      else if (read.needsListing(FIRST_ROUND)) ends.add(read);
    }
    return this.#loading.size > 0;
  }

  /** An input whose next record cannot be read yet may have an earlier one than the chosen. */
  #lackSchemas({ schemas }: Lacking, chosen: PartitionBuffer | null): PartitionBuffer | null {
    let isReadable = true;
    for (const input of this.inputs) {
      if (!input.needsSchemas) continue;
      schemas.add(input);
      isReadable = false;
    }
    return isReadable ? chosen : null;
  }

  /**
   * Event streams in order of event time, tables in order of commit. A table's change goes before an event that was
   * committed after it, or with it: event times of the one and commit times of the other cannot be compared. Ties go
   * by topic; a task reads one partition of each, in order of offset.
   */
  #choose(inputs: Iterable<PartitionBuffer>): PartitionBuffer | null {
    let stream: PartitionBuffer | null = null;
    let table: PartitionBuffer | null = null;
    for (const input of inputs) {
      const { head } = input;
      if (head === null) continue;
      if (input.input.isTable) {
        if (table === null || head.time < (table.head?.time ?? 0)) table = input;
      } else if (stream === null || head.time < (stream.head?.time ?? 0)) stream = input;
    }
    if (stream === null || table === null) return stream ?? table;
    return (table.head?.commitTime ?? 0) <= (stream.head?.commitTime ?? 0) ? table : stream;
  }
}

const isLoadedFirst = ({ input }: PartitionBuffer): boolean => input.loadFirst === true;
