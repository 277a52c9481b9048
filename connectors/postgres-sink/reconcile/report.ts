import { type TableName, plainName } from '../target-table.ts';
import type { ColumnDifference } from './key-look.ts';
import type { DifferenceKind } from './key-merge.ts';
import { type NamedDifference, type Reconciliation, totalOf } from './reconcile.ts';

const KINDS: readonly DifferenceKind[] = ['missing', 'extra', 'different'];
/** Longest value that is printed, characters. */
const VALUE_CHARACTERS_MAX = 200;

interface ReportOptions {
  /** Print the values of differing columns, not their names only. */
  readonly values: boolean;
}

export function reportText(view: TableName, result: Reconciliation, { values }: ReportOptions): string {
  const { compared, counts, named, notCompared, looks } = result;
  const total = totalOf(counts);
  const { source, target } = compared.rows;
  const lines = [
    `${plainName(view)}: ${total === 0 ? 'equal' : 'DIFFERENT'}; rows: source ${source}, target ${target}; ranges: ${compared.ranges}`,
    ...KINDS.filter((kind) => counts[kind] > 0).map((kind) => `  ${kind}: ${counts[kind]}`),
    ...named.map((difference) => `  - ${differenceText(difference, values)}`),
    ...(total > named.length ? [`  - and ${total - named.length} more`] : []),
    ...(looks > 0 ? [`  differing keys were looked at again ${looks} time(s)`] : []),
    ...(result.progress === 'behind'
      ? ['  the target has not reached the place in the WAL that the source had']
      : []),
    ...(notCompared.length > 0 ? [`  not compared: ${notCompared.join(', ')}`] : []),
  ];
  return `${lines.join('\n')}\n`;
}

function differenceText({ kind, key, columns }: NamedDifference, values: boolean): string {
  const name = Object.entries(key)
    .map(([column, value]) => `${column} = ${shortened(value)}`)
    .join(', ');
  if (columns.length === 0) return `${kind} (${name})`;
  const differing = columns.map((column) => (values ? valuesText(column) : column.name));
  return `${kind} (${name}): ${differing.join(', ')}`;
}

function valuesText({ name, source, target }: ColumnDifference): string {
  return `${name} (source ${shortened(source)}, target ${shortened(target)})`;
}

function shortened(value: string | null): string {
  if (value === null) return 'null';
  return value.length <= VALUE_CHARACTERS_MAX ? value : `${value.slice(0, VALUE_CHARACTERS_MAX)}..`;
}

/** One line, for programs. Counts are exact; `named` has the first few. */
export function reportJson(view: TableName, result: Reconciliation, { values }: ReportOptions): string {
  const { compared, counts, named, notCompared, looks, progress } = result;
  const report = {
    view: plainName(view),
    equal: totalOf(counts) === 0,
    rows: compared.rows,
    ranges: compared.ranges,
    differences: counts,
    named: named.map(({ kind, key, columns }) => ({
      kind,
      key,
      ...(kind === 'different' ? { columns: values ? columns : columns.map((column) => column.name) } : {}),
    })),
    looks,
    progress,
    notCompared,
  };
  return `${JSON.stringify(report)}\n`;
}
