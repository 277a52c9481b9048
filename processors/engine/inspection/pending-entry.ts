import type { BodySerdes } from '../body-serdes.ts';
import type { Plan, PlanNode } from '../plan/plan.ts';
import type { WindowEntry, WindowStore } from '../state/store.ts';
import type { StoredRow } from './store-rows.ts';

/** One thing that an operator has of a key and has not done with. Times are milliseconds since the Unix epoch. */
export interface PendingEntry {
  /** What it is: a record that has met nobody, a buffered one, an open window, a change that is held back. */
  readonly what: 'unmatched' | 'buffered' | 'open_window' | 'open_session' | 'held_back' | 'waiting';
  /**
   * The stream time of the operator at which it ends: the first one, so that at `until - 1` it is still there. Where that is
   * reached already, the next record or progress of the source ends it.
   */
  readonly until: number;
  /** What happens then. */
  readonly outcome: string;
  /** The entry itself, as the store has it. */
  readonly entry: StoredRow;
  /** Of a join. */
  readonly side?: 'left' | 'right';
  /** Of a join: event times that a partner may have, both included. */
  readonly partners?: { readonly from: number; readonly to: number };
}

/** What the pending entries of a key are read from. */
export interface PendingContext<N extends PlanNode = PlanNode> {
  readonly node: N;
  readonly plan: Plan;
  readonly serdes: BodySerdes;
  readonly store: (name: string) => WindowStore;
  /** An entry in plain JSON. */
  readonly row: (store: string, entry: WindowEntry) => StoredRow;
}

/** All entries of a key, by time. */
export function entriesOf(store: WindowStore, key: Buffer): readonly WindowEntry[] {
  return store.fetch(key, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY);
}
