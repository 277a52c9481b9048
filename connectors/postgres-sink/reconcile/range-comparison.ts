import { Failure } from '../../../infra/process/failure.ts';
import type { Comparison } from './compared-relations.ts';
import {
  type Difference,
  type DifferenceKind,
  type HashedRow,
  type NextBatch,
  mergeByKey,
} from './key-merge.ts';
import type { ReadSession, Side, TextRow } from './read-session.ts';
import type { RowSql } from './row-sql.ts';

/** Rows of one FETCH. */
const FETCH_ROWS = 2_000;
/** Differences that are kept, to be looked at again; all are counted. */
export const KEPT_MAX = 10_000;

export interface SideSql {
  readonly session: ReadSession;
  readonly sql: RowSql;
}

export interface Sides {
  readonly source: SideSql;
  readonly target: SideSql;
  readonly comparison: Comparison;
}

export interface RangeComparison {
  readonly rows: Readonly<Record<Side, number>>;
  readonly ranges: number;
  /** Rows that were read one by one, of both sides: those of the ranges that differ. */
  readonly rowsRead: number;
  readonly counts: Readonly<Record<DifferenceKind, number>>;
  /** The first KEPT_MAX in key order. */
  readonly kept: readonly Difference[];
}

interface Range {
  readonly rows: number;
  readonly hashes: string;
}

/**
 * Compares all rows: count and sum of hashes per range of keys, made by the servers in one pass each, then row by row
 * where a range differs. Both sessions are inside a transaction.
 * @throws Failure `reconcile.no_key`, `reconcile.duplicate_key` (stop)
 */
export async function compareRanges(
  { source, target, comparison }: Sides,
  say: (line: string) => void,
): Promise<RangeComparison> {
  say('choosing key ranges from the target');
  const bounds = (await target.session.query(target.sql.bounds)).rows.map(([key]) => String(key));
  say(`hashing both sides in ${bounds.length + 1} key range(s)`);
  const [ours, theirs] = await Promise.all([rangesOf(source, bounds), rangesOf(target, bounds)]);
  const differing = [...new Set([...ours.keys(), ...theirs.keys()])].filter(
    (range) => ours.get(range)?.hashes !== theirs.get(range)?.hashes,
  );
  const counts: Record<DifferenceKind, number> = { missing: 0, extra: 0, different: 0 };
  const kept: Difference[] = [];
  const reader = { rows: 0 };
  if (differing.length > 0) {
    say(`${differing.length} range(s) differ: reading their rows`);
    const onDifference = (difference: Difference): void => {
      counts[difference.kind]++;
      if (kept.length < KEPT_MAX) kept.push(difference);
    };
    const names = comparison.source.keys.map((column) => column.name);
    await mergeByKey(
      await rowsIn(source, bounds, differing, reader),
      await rowsIn(target, bounds, differing, reader),
      onDifference,
      (side, row) => duplicate(side, names, row),
    );
  }
  const rows = { source: total(ours), target: total(theirs) };
  return { rows, ranges: bounds.length + 1, rowsRead: reader.rows, counts, kept };
}

async function rangesOf({ session, sql }: SideSql, bounds: readonly string[]): Promise<Map<number, Range>> {
  const { rows } = await session.query(sql.ranges, [bounds]);
  const ranges = new Map<number, Range>();
  for (const [range, count, hashes] of rows) {
    if (range === null)
      throw new Failure(
        'reconcile.no_key',
        'stop',
        `the ${session.side} has ${count} row(s) with a null in the key`,
        {
          fix: 'leave them out of the query, or name another key with --key',
        },
      );
    ranges.set(Number(range), { rows: Number(count), hashes: `${count} ${hashes}` });
  }
  return ranges;
}

function total(ranges: ReadonlyMap<number, Range>): number {
  let rows = 0;
  for (const range of ranges.values()) rows += range.rows;
  return rows;
}

/** A cursor: neither the server's answer nor the rows are ever whole in memory. */
async function rowsIn(
  { session, sql }: SideSql,
  bounds: readonly string[],
  ranges: readonly number[],
  reader: { rows: number },
): Promise<NextBatch> {
  await session.query(`DECLARE differing NO SCROLL CURSOR FOR ${sql.inRanges}`, [bounds, ranges.map(String)]);
  return async () => {
    const { rows } = await session.query(`FETCH ${FETCH_ROWS} FROM differing`);
    reader.rows += rows.length;
    return rows.map(hashedRow);
  };
}

/** A row of the statements that give key, shown key and hash. */
export function hashedRow([key, shown, hash]: TextRow): HashedRow {
  return {
    key: String(key),
    shown: (JSON.parse(shown ?? '[]') as unknown[]).map(String),
    hash: String(hash),
  };
}

function duplicate(side: Side, names: readonly string[], row: HashedRow): never {
  const key = names.map((name, i) => `${name} = ${row.shown[i]}`).join(', ');
  throw new Failure('reconcile.duplicate_key', 'stop', `the ${side} has several rows with ${key}`, {
    fix: 'the query must give one row per key of the table; name another key with --key',
  });
}
