import { Failure } from '../../../infra/process/failure.ts';
import type { BodySerdes } from '../body-serdes.ts';
import type { Plan } from '../plan/plan.ts';
import type { SubTopology } from '../plan/sub-topology.ts';
import type { StateStore } from '../state/store.ts';

/** One task as questions see it. */
export interface InspectedTask {
  readonly id: string;
  readonly partition: number;
  readonly part: SubTopology;
  readonly stores: ReadonlyMap<string, StateStore>;
  /** Committed offsets of its inputs by topic: what its state reflects. Null before the first commit. */
  readonly offsets: Readonly<Record<string, number | null>>;
}

/** The local state of one processor at one moment: between two commits, with nothing in it that is not committed. */
export interface InspectedState {
  readonly plan: Plan;
  readonly serdes: BodySerdes;
  readonly parts: readonly SubTopology[];
  /** Number of tasks of each sub-topology, by its id, wherever they run. */
  readonly taskCounts: readonly number[];
  /** Those that run here. */
  readonly tasks: readonly InspectedTask[];
  /** Stores of global tables, which every instance has in full. */
  readonly globals: ReadonlyMap<string, StateStore>;
}

/** Where a key is when it is not here. */
export interface Elsewhere {
  readonly subTopology: number;
  readonly partition: number;
}

/** What is asked is wrong, or cannot be answered now: `query.<reason>`. Retrying the same helps only `not_ready`. */
export function refusal(reason: RefusalReason, message: string, fix?: string): Failure {
  const order = reason === 'not_ready' ? 'retry' : 'stop';
  return new Failure(`query.${reason}`, order, message, fix === undefined ? {} : { fix });
}

export type RefusalReason = 'unknown_store' | 'unknown_path' | 'bad_request' | 'bad_key' | 'not_ready';
