import type { Clock } from '../../../infra/process/clock.ts';
import type { TableName } from '../target-table.ts';
import { type AppliedProgress, awaitProgress } from './applied-progress.ts';
import { describeComparison } from './compared-relations.ts';
import { type ColumnDifference, type OpenKey, differingColumns, lookAgain, openKey } from './key-look.ts';
import type { DifferenceKind } from './key-merge.ts';
import { KEPT_MAX, type RangeComparison, type Sides, compareRanges } from './range-comparison.ts';
import type { ReadSession } from './read-session.ts';
import { rowSql } from './row-sql.ts';

export interface ReconcileRequest {
  readonly view: TableName;
  /** The query over the source that the table stands for. */
  readonly sql: string;
  /** Null for the primary key of the target. */
  readonly keys: readonly string[] | null;
  /** Between two looks at keys that differ, milliseconds. */
  readonly settleMs: number;
  /** How long differences may be rows on their way, and how long progress is waited for, milliseconds. */
  readonly settleTimeoutMs: number;
  /** Most differing keys that are named. */
  readonly show: number;
}

export interface NamedDifference {
  readonly kind: DifferenceKind;
  readonly key: Readonly<Record<string, string>>;
  /** Of a row that both sides have. */
  readonly columns: readonly ColumnDifference[];
}

export interface Reconciliation {
  /** Rows, ranges and the rows read of the whole comparison. */
  readonly compared: RangeComparison;
  readonly progress: AppliedProgress;
  /** Those that did not settle. */
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  readonly named: readonly NamedDifference[];
  /** How often differing keys were looked at again. */
  readonly looks: number;
  readonly notCompared: readonly string[];
}

interface Seen {
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  readonly open: readonly OpenKey[];
  readonly named: readonly NamedDifference[];
}

/**
 * Compares a target table with a query over the source, each in one snapshot, and looks again at what differs until it
 * agrees or the time is over.
 * @throws Failure `reconcile.*` (stop)
 */
export async function reconcile(
  source: ReadSession,
  target: ReadSession,
  request: ReconcileRequest,
  clock: Clock,
  say: (line: string) => void,
): Promise<Reconciliation> {
  const { view, settleMs, settleTimeoutMs } = request;
  const awaited = (): Promise<AppliedProgress> => awaitProgress(source, target, view, clock, settleTimeoutMs);
  let progress = await awaited();
  await begin(source, target);
  const comparison = await describeComparison(source, target, view, request.sql, request.keys);
  const sides: Sides = {
    source: { session: source, sql: rowSql(comparison.source) },
    target: { session: target, sql: rowSql(comparison.target) },
    comparison,
  };
  let compared = await compareRanges(sides, say);
  let seen = await asSeen(sides, compared.counts, compared.kept.map(openKey), request);
  await end(source, target);
  const deadline = clock.now() + settleTimeoutMs;
  let looks = 0;
  while (isDifferent(seen) && clock.now() < deadline) {
    await clock.sleep(Math.min(settleMs, deadline - clock.now()));
    progress = await awaited();
    looks++;
    await begin(source, target);
    if (totalOf(seen.counts) > KEPT_MAX) {
      // too many to be followed one by one
      compared = await compareRanges(sides, say);
      seen = await asSeen(sides, compared.counts, compared.kept.map(openKey), request);
    } else {
      const open = await lookAgain(sides, seen.open);
      say(`${open.length} of ${seen.open.length} key(s) still differ`);
      seen = await asSeen(sides, countsOf(open), open, request);
    }
    await end(source, target);
  }
  const { counts, named } = seen;
  return { compared, progress, counts, named, looks, notCompared: comparison.notCompared };
}

async function begin(source: ReadSession, target: ReadSession): Promise<void> {
  await Promise.all([source.begin(), target.begin()]);
}

async function end(source: ReadSession, target: ReadSession): Promise<void> {
  await Promise.all([source.end(), target.end()]);
}

/** The differing columns are read in the snapshots that showed the difference. */
async function asSeen(
  sides: Sides,
  counts: Readonly<Record<DifferenceKind, number>>,
  open: readonly OpenKey[],
  { show }: ReconcileRequest,
): Promise<Seen> {
  const first = open.slice(0, show);
  const columns = await differingColumns(sides, first);
  const names = sides.comparison.source.keys.map((column) => column.name);
  const named = first.map(({ kind, key, shown }) => ({
    kind,
    key: Object.fromEntries(names.map((name, i) => [name, shown[i] ?? ''])),
    columns: columns.get(key) ?? [],
  }));
  return { counts, open, named };
}

function countsOf(open: readonly OpenKey[]): Record<DifferenceKind, number> {
  const counts = { missing: 0, extra: 0, different: 0 };
  for (const { kind } of open) counts[kind]++;
  return counts;
}

const isDifferent = ({ counts }: Seen): boolean => totalOf(counts) > 0;

export function totalOf(counts: Readonly<Record<DifferenceKind, number>>): number {
  return counts.missing + counts.extra + counts.different;
}
