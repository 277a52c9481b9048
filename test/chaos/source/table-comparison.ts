import type { Findings } from '../findings.ts';
import type { FoldedRow, TopicFold } from './topic-fold.ts';

/** A table as SQL has it, in texts of `text-sql.ts`. */
export interface TableContent {
  readonly name: string;
  readonly columns: readonly string[];
  /** Values in the order of `columns`, by key: the texts of the key columns as a JSON array. */
  readonly rows: ReadonlyMap<string, readonly (string | null)[]>;
  /**
   * What a row has in a column that was added with a default after the row was last changed: Postgres writes no change
   * for it. Null where nothing is said.
   */
  readonly defaults: ReadonlyMap<string, string | null>;
  /** The source has said that it does not know large values of the table. */
  readonly isMissTold: boolean;
}

/**
 * Compares a table with its topic, folded by key.
 * - `lost`: a row of the table that the topic does not have
 * - `stale`: a row of the topic with other values than the table's, or that the table does not have (any more)
 * - `holed`: a row whose last record, which is all that compaction may leave, lacks values and the source
 *   has not said so
 */
export function compareTable(table: TableContent, fold: TopicFold, findings: Findings): void {
  for (const [key, row] of table.rows) {
    const folded = fold.rows.get(key);
    if (folded === undefined) findings.note('lost', `${table.name} ${key}`);
    else compareRow(table, key, row, folded, findings);
  }
  for (const [key, { place, unchanged, writer }] of fold.rows) {
    if (!table.rows.has(key))
      findings.note('stale', `${table.name} ${key} is in the topic at ${place} and not in the table`);
    if (unchanged.length > 0 && !table.isMissTold)
      findings.note('holed', `${table.name} ${key} at ${place}: no ${unchanged.join(', ')}; ${writer}`);
  }
}

/**
 * Compares a table without a key, whose rows are only inserted and are told by a number: each is inserted once, or read
 * by the first copy. A backfill, or a copy that was begun again, reads its rows once more, and such that were inserted since.
 * @param copies how often a copy of the table was begun
 * @returns rows that are in the topic more than once for that reason
 */
export function compareKeyless(
  table: TableContent,
  fold: TopicFold,
  copies: number,
  findings: Findings,
): number {
  let repeated = 0;
  for (const [key, row] of table.rows) {
    const counted = fold.counted.get(key);
    if (counted === undefined) {
      findings.note('lost', `${table.name} ${key}`);
      continue;
    }
    const { reads, inserts, place } = counted;
    const times = `${table.name} ${key}: read ${reads} times, inserted ${inserts} times, last at ${place}`;
    if (inserts > 1 || reads > copies || (copies <= 1 && reads + inserts > 1))
      findings.note('duplicated', times);
    else if (reads + inserts > 1) repeated++;
    compareRow(table, key, row, counted, findings);
  }
  for (const [key, { place }] of fold.counted)
    if (!table.rows.has(key))
      findings.note('stale', `${table.name} ${key} is in the topic at ${place} and not in the table`);
  return repeated;
}

function compareRow(
  { name, columns, defaults }: TableContent,
  key: string,
  row: readonly (string | null)[],
  { values, place, writer }: FoldedRow,
  findings: Findings,
): void {
  const wrong = columns.flatMap((column, i) => {
    const expected = row[i] ?? null;
    const got = values.has(column) ? (values.get(column) ?? null) : (defaults.get(column) ?? null);
    return got === expected ? [] : [`${column} is ${shown(expected)} and there ${shown(got)}`];
  });
  if (wrong.length > 0) findings.note('stale', `${name} ${key} at ${place}: ${wrong.join('; ')}; ${writer}`);
}

const SHOWN_MAX = 60;

function shown(text: string | null): string {
  if (text === null) return 'null';
  return JSON.stringify(text.length <= SHOWN_MAX ? text : `${text.slice(0, SHOWN_MAX)}… (${text.length})`);
}
