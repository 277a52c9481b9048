import type { OperatorKind, Plan, PlanNode } from './plan.ts';

/**
 * What an operator puts out. `events` are told once and never taken back; `changes` replace what was told before under
 * the same key; `as-input` is what comes in; `by-setting` depends on how windows are told.
 */
type Nature = 'events' | 'changes' | 'as-input' | 'by-setting';

const NATURE: Readonly<Record<OperatorKind, Nature>> = {
  'stream-source': 'events',
  'table-source': 'changes',
  'global-source': 'changes',
  'repartition-source': 'as-input',
  'repartition-sink': 'as-input',
  sink: 'as-input',
  filter: 'as-input',
  'map-values': 'as-input',
  'flat-map-values': 'as-input',
  merge: 'as-input',
  'select-key': 'as-input',
  'table-filter': 'changes',
  'table-map-values': 'changes',
  'table-group-by': 'changes',
  'stream-stream-join': 'events',
  'stream-table-join': 'events',
  'stream-global-join': 'events',
  'table-table-join': 'changes',
  'stream-aggregate': 'changes',
  'table-aggregate': 'changes',
  'subscription-send': 'changes',
  'foreign-table-join': 'changes',
  'response-join': 'changes',
  process: 'events',
  'window-aggregate': 'by-setting',
  suppress: 'by-setting',
};

/** Whether what a node puts out is told once or may change, and which step makes it so. */
export interface ResultNature {
  readonly kind: 'final' | 'updating';
  /** Id of the node that decides it. */
  readonly decidedBy: string;
  readonly why: string;
}

/** The nodes that a node is fed by: through a repartition topic too. */
export function feeders(plan: Plan, node: PlanNode): readonly PlanNode[] {
  if (node.operator === 'repartition-source')
    return plan.nodes.filter(
      (other) => other.operator === 'repartition-sink' && other.repartition === node.repartition,
    );
  return plan.nodes.filter(({ id }) => node.inputs.includes(id));
}

export function resultNature(plan: Plan, node: PlanNode): ResultNature {
  const nature = NATURE[node.operator];
  if (nature === 'as-input') {
    const natures = feeders(plan, node).map((feeder) => resultNature(plan, feeder));
    const decisive = natures.find(({ kind }) => kind === 'updating') ?? natures[0];
    return decisive ?? { kind: 'final', decidedBy: node.id, why: 'nothing comes in' };
  }
  const kind = nature === 'events' || isToldOnClose(node) ? 'final' : 'updating';
  return { kind, decidedBy: node.id, why: reason(node, kind) };
}

function isToldOnClose(node: PlanNode): boolean {
  if (node.operator === 'window-aggregate') return node.emit === 'on-close';
  return node.operator === 'suppress' && node.until === 'window-close';
}

function reason(node: PlanNode, kind: ResultNature['kind']): string {
  if (node.operator === 'stream-stream-join')
    return node.join === 'inner'
      ? 'each pair is told once'
      : 'each pair is told once, a record without a partner when its window has closed';
  if (node.operator === 'window-aggregate')
    return kind === 'final' ? 'each window is told once, when it has closed' : 'told with every event';
  if (node.operator === 'suppress')
    return kind === 'final' ? 'each window is told once, when it has closed' : 'the last change of a while';
  return kind === 'final' ? 'each event is told once' : 'a row is told again when it changes';
}
