import type { PlanNode } from './plan/plan.ts';
import type { DropReason } from './record.ts';

/** What one operator of a task has done since its counts were last taken. Plain numbers: they change with each record. */
export class OperatorCounts {
  readonly node: PlanNode;
  /** Records taken in, by the place of their sender among the node's inputs. A source has one place. */
  readonly received: number[];
  /** Records handed on: once each, to however many operators below. */
  forwarded = 0;
  /** Pairs that a join has put out. */
  matched = 0;
  readonly dropped = new Map<DropReason, number>();

  constructor(node: PlanNode) {
    this.node = node;
    this.received = Array.from({ length: Math.max(1, node.inputs.length) }, () => 0);
  }

  receive(input: number): void {
    this.received[input] = (this.received[input] ?? 0) + 1;
  }

  drop(reason: DropReason): void {
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + 1);
  }

  /** A record that the source of a topic has made nothing of. */
  refuse(reason: DropReason): void {
    this.receive(0);
    this.drop(reason);
  }

  reset(): void {
    this.received.fill(0);
    this.forwarded = 0;
    this.matched = 0;
    this.dropped.clear();
  }
}

/**
 * Operators that make at most one record of each that they take in: of these `received = forwarded + dropped + filtered`
 * holds. The others have no such balance: a window, a join of streams, a grouping or a step of one's own makes any number
 * of records, at other times.
 */
const ONE_FOR_ONE: ReadonlySet<PlanNode['operator']> = new Set<PlanNode['operator']>([
  'stream-source',
  'table-source',
  'repartition-source',
  'merge',
  'filter',
  'map-values',
  'select-key',
  'table-filter',
  'table-map-values',
  'table-table-join',
  'stream-table-join',
  'stream-global-join',
  'stream-aggregate',
  'table-aggregate',
  'sink',
  'repartition-sink',
]);

/**
 * Records that the operator told nothing of by its own rules: a predicate that does not hold, an inner join that finds no
 * row. Null where in and out have no balance.
 */
export function filteredRecords({ node, received, forwarded, dropped }: OperatorCounts): number | null {
  if (!ONE_FOR_ONE.has(node.operator)) return null;
  if (node.operator === 'stream-table-join' && node.graceMs !== undefined) return null;
  // The table's changes are no events of the stream that it is joined with.
  const counted = node.operator === 'stream-table-join' ? received.slice(0, 1) : received;
  let rest = -forwarded;
  for (const records of counted) rest += records;
  for (const records of dropped.values()) rest -= records;
  return rest;
}
