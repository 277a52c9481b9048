import { must } from '../../../infra/process/assert.ts';
import type { OperatorKind, Plan, PlanNode, PlanStore } from '../plan/plan.ts';
import { refusal } from './inspected-state.ts';

/**
 * How an operator lays its entries out in a store:
 * - `rows`: the newest value of each key, with its times; `values`: without them
 * - `events`: records by their event time
 * - `windows`: aggregates by the start of their window; `sessions`: by the end
 * - `held`: what suppress holds back, by the time at which it is due
 * - `history`: former rows, by the time at which they stopped being valid
 * - `marks`: no values that mean anything outside of the operator
 */
export type StoreLayout =
  | 'rows'
  | 'values'
  | 'events'
  | 'windows'
  | 'sessions'
  | 'held'
  | 'history'
  | 'marks';

/** A store of the plan, and the operator that writes it. */
export interface LaidOutStore {
  readonly store: PlanStore;
  readonly owner: PlanNode;
  readonly layout: StoreLayout;
}

/** @throws Failure `query.unknown_store` */
export function laidOutStore(plan: Plan, name: string): LaidOutStore {
  const store = plan.stores.find((candidate) => candidate.name === name);
  if (store === undefined) {
    const names = plan.stores.map((candidate) => candidate.name).join(', ');
    throw refusal('unknown_store', `the pipeline ${plan.pipeline} has no store "${name}"`, `it has ${names}`);
  }
  const owner = must(
    plan.nodes.find((node) => node.stores.includes(name)),
    `no operator has the store ${name}`,
  );
  return { store, owner, layout: layoutOf(owner, owner.stores.indexOf(name), store.kind) };
}

/** By operator, in the order of its stores. */
const LAYOUTS: Readonly<Partial<Record<OperatorKind, readonly StoreLayout[]>>> = {
  'stream-stream-join': ['events', 'events', 'marks'],
  'stream-table-join': ['events'],
  'window-aggregate': ['windows', 'events'],
  suppress: ['held'],
  'table-source': ['rows', 'history'],
  'global-source': ['rows', 'history'],
};

/** `place` is the store's among those of its operator. */
export function layoutOf(owner: PlanNode, place: number, kind: PlanStore['kind']): StoreLayout {
  if (owner.operator === 'process') return place === 0 ? 'marks' : 'values';
  if (owner.operator === 'window-aggregate' && owner.window.type === 'session') return 'sessions';
  return LAYOUTS[owner.operator]?.[place] ?? (kind === 'window' ? 'marks' : 'rows');
}

/** Operators whose stores are keyed by what places a record in its task. */
const PLACED_BY_KEY: ReadonlySet<OperatorKind> = new Set<OperatorKind>([
  'table-source',
  'stream-aggregate',
  'table-aggregate',
  'table-group-by',
  'window-aggregate',
  'stream-stream-join',
  'stream-table-join',
  'response-join',
]);

/** Whether the task of a key follows from the key: not in stores that are keyed by something else as well. */
export function isPlacedByKey(plan: Plan, owner: PlanNode): boolean {
  if (owner.operator === 'suppress') return windowsAbove(plan, owner) === null;
  return PLACED_BY_KEY.has(owner.operator);
}

/** The windowed aggregate that a table comes from, through filters and maps; null where it comes from none. */
export function windowsAbove(
  plan: Plan,
  node: PlanNode,
): (PlanNode & { readonly operator: 'window-aggregate' }) | null {
  let above = plan.nodes.find(({ id }) => id === node.inputs[0]);
  while (above?.operator === 'table-filter' || above?.operator === 'table-map-values') {
    const [input] = above.inputs;
    above = plan.nodes.find(({ id }) => id === input);
  }
  return above?.operator === 'window-aggregate' ? above : null;
}
