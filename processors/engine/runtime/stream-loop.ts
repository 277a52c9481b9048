import type { FetchedBatch, Fetcher, GroupMember } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import type { Application } from './application.ts';
import type { BadRecords } from './bad-records.ts';
import type { Committer } from './committer.ts';
import type { GlobalTables } from './global-reader.ts';
import { judgeMissingRecords } from './overtaken.ts';
import type { PendingOutput } from './pending-output.ts';
import type { ProgressCuts } from './progress-cuts.ts';
import type { ReadPosition } from './read-position.ts';
import type { Lacking, StreamTask } from './stream-task.ts';
import type { TaskAssignment } from './task-assignment.ts';

/** Records that one input partition may hold unprocessed before it is paused; it goes on when half are left. */
const BUFFERED_RECORDS_MAX = 1_000;
/** Records that a task processes in one go, so that the others, the heartbeats and the commits get their turn. */
const SLICE_RECORDS_MAX = 1_000;
/** Bytes of output that ask for a commit before its time. */
const PENDING_BYTES_MAX = 2 * 1024 * 1024;
/** Staged writes of all stores that ask for a commit before its time: they are in memory until then. */
const STAGED_ENTRIES_MAX = 100_000;
/** Longest wait for records, milliseconds: the signal and the group are looked at this often. */
const POLL_MAX_MS = 100;

interface LoopParts {
  readonly application: Application;
  readonly group: GroupMember;
  readonly fetcher: Fetcher;
  readonly assignment: TaskAssignment;
  readonly globals: GlobalTables;
  readonly cuts: ProgressCuts;
  readonly committer: Committer;
  readonly pending: PendingOutput;
  readonly badRecords: BadRecords;
  readonly commitIntervalMs: number;
  /** Told when rebalances are through and records flow. */
  readonly onRunning: () => void;
}

/** The loop of a process: rebalance, poll, process, commit. */
export class StreamLoop {
  readonly #parts: LoopParts;
  #round = 0;

  constructor(parts: LoopParts) {
    this.#parts = parts;
  }

  /** Runs until the signal aborts, then commits what has been processed. */
  async run(signal: AbortSignal): Promise<void> {
    const { group, onRunning, assignment } = this.#parts;
    let busy = false;
    while (!signal.aborted) {
      await group.checkpoint();
      if (assignment.isOverdue) continue;
      await assignment.forgetSuspended();
      if (signal.aborted) break;
      onRunning();
      const batches = await this.#poll(busy ? 0 : this.#waitMs());
      this.#round++;
      for (const batch of batches) await this.#receive(batch);
      busy = await this.#process();
      this.#resume();
      this.#parts.cuts.apply(assignment.tasks);
      this.#parts.badRecords.forgetDrop();
      if (this.#commitIsDue(busy)) await assignment.commit();
      await assignment.catchUp();
    }
    await assignment.commit();
  }

  async #poll(maxWaitMs: number): Promise<readonly FetchedBatch[]> {
    const { application, fetcher, assignment } = this.#parts;
    try {
      return await fetcher.poll(maxWaitMs);
    } catch (error) {
      const { kafka, names } = application;
      const inputs = assignment.tasks.flatMap((task) => task.inputs);
      throw await judgeMissingRecords(error, kafka, names.applicationId, inputs);
    }
  }

  async #receive(batch: FetchedBatch): Promise<void> {
    const { assignment, globals, cuts, fetcher } = this.#parts;
    if (cuts.receive(batch) || (await globals.receive(batch))) return;
    const task = assignment.tasks.find(
      ({ partition, inputs }) =>
        partition === batch.partition && inputs.some(({ input }) => input.topic === batch.topic),
    );
    if (task === undefined) return;
    task.receive(batch, this.#round);
    for (const input of task.inputs) {
      if (input.paused || input.length < BUFFERED_RECORDS_MAX) continue;
      input.paused = true;
      fetcher.pause([input.read.partition]);
    }
  }

  /** Gives each task a slice; returns whether there is more to do at once. */
  async #process(): Promise<boolean> {
    await Promise.all(this.#parts.assignment.tasks.map((task) => task.readAhead(SLICE_RECORDS_MAX)));
    const lacking = nothingLacking();
    const busy = this.#processSlices(lacking);
    const { ends, schemas } = lacking;
    if (ends.size === 0 && schemas.size === 0) return busy;
    for (const input of schemas) await input.prepare();
    if (ends.size > 0) await this.#list(ends);
    return this.#processSlices(nothingLacking()) || busy || schemas.size > 0;
  }

  #processSlices(lacking: Lacking): boolean {
    let busy = false;
    for (const task of this.#parts.assignment.tasks) busy = this.#processSlice(task, lacking) || busy;
    return busy;
  }

  #processSlice(task: StreamTask, lacking: Lacking): boolean {
    const { badRecords } = this.#parts;
    for (let i = 0; i < SLICE_RECORDS_MAX; i++) {
      const input = task.next(lacking);
      if (input === null) return false;
      // The one that was set aside is committed before the next one may fail.
      if (badRecords.commitIsDue) return true;
      try {
        task.process(input);
      } catch (error) {
        if (!badRecords.canSetAside(error)) throw error;
        input.failHead(error);
        this.#rewind();
      }
    }
    return true;
  }

  /**
   * A record has failed in the middle of its work. What it has done cannot be told from what those before it have done, so
   * all that is not committed is taken back, of every task, and done again without it.
   */
  #rewind(): void {
    const { assignment, pending, badRecords, cuts, fetcher } = this.#parts;
    const { tasks } = assignment;
    for (const task of tasks) task.rewind();
    pending.clear();
    badRecords.rewound();
    cuts.forget(tasks);
    fetcher.seek(
      tasks.flatMap(({ inputs }) => inputs.map(({ read }) => ({ ...read.partition, offset: read.position }))),
    );
  }

  /** Also what took no processing has left a buffer: records of which no source makes anything. */
  #resume(): void {
    for (const { inputs } of this.#parts.assignment.tasks)
      for (const input of inputs) {
        if (!input.paused || input.length > BUFFERED_RECORDS_MAX / 2) continue;
        input.paused = false;
        this.#parts.fetcher.resume([input.read.partition]);
      }
  }

  async #list(unlisted: ReadonlySet<ReadPosition>): Promise<void> {
    const reads = [...unlisted];
    const ends = await this.#parts.application.kafka.listOffsets(
      reads.map((read) => read.partition),
      'high-watermark',
    );
    reads.forEach((read, i) => read.listed(this.#round, must(ends[i], 'a listed partition has an end')));
  }

  #commitIsDue(busy: boolean): boolean {
    const { pending, badRecords, committer, commitIntervalMs, assignment } = this.#parts;
    if (pending.bytes >= PENDING_BYTES_MAX || badRecords.commitIsDue) return true;
    if (stagedEntries(assignment.tasks) >= STAGED_ENTRIES_MAX) return true;
    if (!busy && pending.records.length > 0) return true;
    return committer.ageMs >= commitIntervalMs && committer.isPending(assignment.tasks);
  }

  #waitMs(): number {
    const { committer, commitIntervalMs, assignment } = this.#parts;
    if (!committer.isPending(assignment.tasks)) return POLL_MAX_MS;
    return Math.min(POLL_MAX_MS, Math.max(0, commitIntervalMs - committer.ageMs));
  }
}

const nothingLacking = (): Lacking => ({ ends: new Set(), schemas: new Set() });

function stagedEntries(tasks: readonly StreamTask[]): number {
  let staged = 0;
  for (const task of tasks) for (const store of task.stores.values()) staged += store.stagedEntries;
  return staged;
}
