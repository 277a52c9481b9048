import { plainName } from '../target-table.ts';
import type { RebuildPlan } from './rebuild-plan.ts';
import { siblingTable } from './rebuild-names.ts';

const MEBIBYTE = 1_048_576;

/** What a rebuild would do, for a person who is asked whether it should. */
export function planText(plan: RebuildPlan, dropsOld: boolean): readonly string[] {
  const { live, parts, bound } = plan;
  const { deleteMode, metaColumns, onTruncate, setsAside } = live.options;
  const made = plainName(siblingTable(live.table, '__rebuild'));
  const old = plainName(siblingTable(live.table, '__old'));
  const lines = [
    `rebuild of ${plainName(live.table)}`,
    `  fills ${made} from the beginning of topic ${live.topic}, ${count(plan.partitions, 'partition')}`,
    `  as sink ${live.sink} fills it: deletions ${deleteMode}, meta columns ${metaColumns ? 'yes' : 'no'}, truncates ` +
      `${onTruncate}, bad rows ${setsAside ? 'dead-letter' : 'stop'}`,
    `  needs about as much space as the table has: ${Math.ceil(plan.bytes / MEBIBYTE)} MiB`,
  ];
  if (plan.stage.kind === 'resume') lines.push(`  goes on with what an earlier run has filled`);
  if (plan.stage.kind === 'restart')
    lines.push(`  begins anew, and drops what an earlier run has filled: ${plan.stage.reason}`);
  for (const { column, from, to } of plan.typeChanges)
    lines.push(
      `  column ${column} becomes ${to} (was ${from}): statements that were prepared over it fail once`,
    );
  if (plan.unknownColumns.length > 0)
    lines.push(
      `  columns that the newest schemas lack: ${plan.unknownColumns.join(', ')}; they have their defaults, and what older records say`,
    );
  const shaping = parts.triggers.filter(({ shapesRows }) => shapesRows).map(({ name }) => name);
  lines.push(
    `  carries over: owner, grants, comments, ${count(parts.indexes.length, 'index', 'indexes')}, ` +
      `${count(parts.foreignKeys.length, 'foreign key')}, ${count(parts.triggers.length, 'trigger')}, policies`,
  );
  if (shaping.length > 0) lines.push(`  triggers that fire while it is filled: ${shaping.join(', ')}`);
  if (bound.views.length > 0)
    lines.push(`  views that are bound to the new table: ${bound.views.map(({ name }) => name).join(', ')}`);
  lines.push(
    `  swaps in one transaction; the sink goes on with the new table by itself`,
    dropsOld ? `  drops the old table` : `  keeps the old table as ${old}, until the next rebuild`,
  );
  return lines;
}

function count(value: number, one: string, many = `${one}s`): string {
  return `${value} ${value === 1 ? one : many}`;
}
