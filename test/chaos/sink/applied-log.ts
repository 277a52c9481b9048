import type { Findings } from '../findings.ts';
import type { Committed, Version } from './changes.ts';
import { type SinkTable, TABLES } from './sink-tables.ts';

/** A change of a row that a trigger has noted in the transaction that made it. */
export interface Applied {
  readonly table: string;
  readonly key: string;
  readonly op: string;
  /** Of the row that is there now, or is deleted. */
  readonly version: number;
}

/** Makes the tables, each of which notes what is done to it. */
export function tablesSql(): string {
  return [
    `CREATE TABLE public.applied (place bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
      tbl text NOT NULL, key text NOT NULL, op text NOT NULL, version bigint NOT NULL)`,
    ...TABLES.map(tableSql),
  ].join(';\n');
}

function tableSql({ name, columnsSql, keySql }: SinkTable): string {
  const note = (row: string): string =>
    `INSERT INTO public.applied (tbl, key, op, version) VALUES ('${name}', ${keySql(row)}, TG_OP, ${row}.version);`;
  return `CREATE TABLE public.${name} (${columnsSql});
    CREATE FUNCTION public.note_${name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF TG_OP = 'DELETE' THEN ${note('OLD')} ELSE ${note('NEW')} END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER note AFTER INSERT OR UPDATE OR DELETE ON public.${name}
      FOR EACH ROW EXECUTE FUNCTION public.note_${name}()`;
}

/** In the order in which rows were changed. */
export const APPLIED_SQL = 'SELECT tbl, key, op, version FROM public.applied ORDER BY place';

/**
 * Follows each key through the log. A batch folds the changes of a key, so versions may be left out.
 * - `applied twice`: a version that was there before, or a deletion of a key that has no further one
 * - `stale`: a version after a newer one
 * - `extra`: a version that was never committed
 */
export function judgeApplied(
  history: Committed['history'],
  log: Iterable<Applied>,
  findings: Findings,
): void {
  const states = new Map<string, KeyState>();
  for (const { table, key, op, version } of log) {
    const name = `${table} ${key}`;
    const versions = history.get(table)?.get(key) ?? [];
    const state = states.get(name) ?? { at: -1, applied: new Set<number>() };
    states.set(name, state);
    const found =
      op === 'DELETE'
        ? versions.findIndex(({ isDeletion }, i) => isDeletion && i > state.at)
        : placeOf(versions, version);
    const told = `${name} ${op} ${version}, after ${versions[state.at]?.version ?? 'nothing'}`;
    if (op === 'DELETE' && found < 0) findings.note('applied twice', told);
    else if (found < 0) findings.note('extra', told);
    else if (op !== 'DELETE' && state.applied.has(version)) findings.note('applied twice', told);
    else if (found <= state.at) findings.note('stale', told);
    state.applied.add(version);
    state.at = Math.max(state.at, found);
  }
}

interface KeyState {
  /** Place of the last version that was applied. */
  at: number;
  readonly applied: Set<number>;
}

function placeOf(versions: readonly Version[], version: number): number {
  let low = 0;
  let high = versions.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((versions[middle]?.version ?? 0) < version) low = middle + 1;
    else high = middle;
  }
  const found = versions[low];
  return found?.version === version && !found.isDeletion ? low : -1;
}
