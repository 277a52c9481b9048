import { layoutOf } from '../inspection/store-layout.ts';
import type { PlanNode, PlanStore } from '../plan/plan.ts';
import type { StateStore, WindowStore } from '../state/store.ts';

/** An operator that has a clock of its own. */
export interface OperatorProgress {
  readonly node: PlanNode;
  /** Its stream time is the operator's. */
  readonly clock: WindowStore;
  /** Stores of what it has taken in and has not done with; empty where it holds nothing back. */
  readonly held: readonly StateStore[];
}

/** The operators of a task that go by event time. */
export function operatorProgress(
  nodes: readonly PlanNode[],
  plans: readonly PlanStore[],
  stores: ReadonlyMap<string, StateStore>,
): readonly OperatorProgress[] {
  const windows = new Set(plans.filter(({ kind }) => kind === 'window').map(({ name }) => name));
  return nodes.flatMap((node) => {
    const own = node.stores.filter((name) => windows.has(name));
    const [clock] = own.map((name) => stores.get(name) as WindowStore);
    if (clock === undefined) return [];
    const held = own.filter((name) => isHeld(node, node.stores.indexOf(name)));
    return [{ node, clock, held: held.map((name) => stores.get(name) as StateStore) }];
  });
}

/** The events beside sliding windows are there for windows to come, and not pending themselves. */
function isHeld(node: PlanNode, place: number): boolean {
  const layout = layoutOf(node, place, 'window');
  if (layout === 'events') return node.operator !== 'window-aggregate';
  return layout === 'windows' || layout === 'sessions' || layout === 'held';
}
