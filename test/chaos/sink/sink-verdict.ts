import { Findings } from '../findings.ts';
import type { DatabaseSession } from '../source/database-session.ts';
import { APPLIED_SQL, type Applied, judgeApplied } from './applied-log.ts';
import { type Change, type Committed, type RowText, committed } from './changes.ts';
import { TABLES } from './sink-tables.ts';

/** What was found, and what else is wrong, one line each. */
export interface SinkVerdict {
  readonly rows: number;
  readonly lost: number;
  readonly appliedTwice: number;
  readonly stale: number;
  readonly extra: number;
  readonly problems: readonly string[];
}

export const isSinkRight = ({ lost, appliedTwice, stale, extra, problems }: SinkVerdict): boolean =>
  lost + appliedTwice + stale + extra === 0 && problems.length === 0;

/** The line that ends a run. */
export function sinkVerdictText({ rows, lost, appliedTwice, stale, extra }: SinkVerdict): string {
  const more = stale + extra === 0 ? '' : `, ${stale} stale, ${extra} extra`;
  return `${rows} rows, ${lost} lost, ${appliedTwice} applied twice${more}`;
}

/** Compares the tables, and what was ever done to them, with the changes that were committed in Kafka. */
export async function judgeSink(
  session: DatabaseSession,
  changes: Iterable<Change>,
  say: (line: string) => void,
): Promise<SinkVerdict> {
  const findings = new Findings();
  const expected = committed(changes);
  let rows = 0;
  for (const { name, keySql } of TABLES) {
    const found = await session.sql(`SELECT ${keySql('t')}, version, amount, body FROM public.${name} AS t`);
    const own = expected.rows.get(name) ?? new Map<string, RowText>();
    rows += own.size;
    say(`${name}: ${own.size} rows expected, ${found.length} found`);
    compareRows(name, own, new Map(found.map(([key, ...row]) => [String(key), row])), findings);
  }
  const log = (await session.sql(APPLIED_SQL)).map(appliedOf);
  say(`${changesIn(expected)} changes committed, ${log.length} applied`);
  judgeApplied(expected.history, log, findings);
  return {
    rows,
    lost: findings.of('lost'),
    appliedTwice: findings.of('applied twice'),
    stale: findings.of('stale'),
    extra: findings.of('extra'),
    problems: findings.examples,
  };
}

/**
 * - `lost`: a row that the table does not have
 * - `extra`: a row that only the table has
 * - `stale`: a row that has other values there
 */
export function compareRows(
  table: string,
  expected: ReadonlyMap<string, RowText>,
  found: ReadonlyMap<string, RowText>,
  findings: Findings,
): void {
  for (const [key, row] of expected) {
    const other = found.get(key);
    if (other === undefined) findings.note('lost', `${table} ${key} of version ${row[0]}`);
    else if (JSON.stringify(other) !== JSON.stringify(row))
      findings.note('stale', `${table} ${key} is ${JSON.stringify(row)} and there ${JSON.stringify(other)}`);
  }
  for (const [key, row] of found)
    if (!expected.has(key)) findings.note('extra', `${table} ${key} of version ${row[0]}`);
}

function changesIn({ history }: Committed): number {
  let count = 0;
  for (const keys of history.values()) for (const versions of keys.values()) count += versions.length;
  return count;
}

function appliedOf([table, key, op, version]: readonly (string | null)[]): Applied {
  return { table: String(table), key: String(key), op: String(op), version: Number(version) };
}
