import { FRAME_BYTES } from '../../../schemas/serde/wire-format.ts';
import type { TaskState } from '../state/task-state.ts';
import type { PartitionBuffer } from './partition-buffer.ts';

/** Reads of state ahead of a task's records: while one slice is processed, what the next one needs is being read. */
export class StateReadAhead {
  readonly #inputs: readonly PartitionBuffer[];
  readonly #state: TaskState;
  #last: Promise<unknown> = Promise.resolve();

  constructor(inputs: readonly PartitionBuffer[], state: TaskState) {
    this.#inputs = inputs;
    this.#state = state;
  }

  /**
   * Resolves when the reads for the next `count` records of each input are done; those for as many behind them have
   * begun. @throws Failure as {@link TaskState.readAhead}
   */
  async next(count: number): Promise<void> {
    if (this.#state.readAhead === undefined) return;
    const before = this.#last;
    const isBegun = this.#inputs.every((input) => input.isAnnounced(count));
    const keys = this.#inputs.flatMap((input) => keysOf(input, 2 * count));
    if (keys.length > 0) {
      this.#last = Promise.all([before, this.#state.readAhead(keys)]);
      // It is awaited by the next call, where there is one.
      this.#last.catch(() => undefined);
    }
    await (isBegun ? before : this.#last);
  }
}

/** The keys by which stores know the records: those of other topics than the application's own are framed. */
function keysOf(buffer: PartitionBuffer, count: number): Buffer[] {
  const keys: Buffer[] = [];
  for (const { key } of buffer.takeUpcoming(count))
    if (key !== null) keys.push(buffer.input.isInternal ? key : key.subarray(FRAME_BYTES));
  return keys;
}
