import { escapeIdentifier } from 'pg';
import type { ComparedColumn, ComparedRelation } from './compared-relations.ts';

/** Rows per range, on average: what is read again where a range differs. */
const RANGE_ROWS = 2_000;
/** Most ranges; larger tables have longer ones. Postgres walks the bounds for every row. */
const RANGES_MAX = 1_000;

/**
 * The statements of one side. A row's key `k` is the bytes of its key columns' canonical texts: bytes have one order,
 * whatever collation, encoding and column types the servers have. Its hash `h` is of all compared columns.
 */
export interface RowSql {
  /** Keys that cut the rows into ranges, by chance: about one row in so many. */
  readonly bounds: string;
  /** Per range (null for rows without a key): rows, sum of their hashes. $1: the bounds. */
  readonly ranges: string;
  /** Key, shown key and hash of the rows in some ranges, in key order. $1: the bounds, $2: the ranges. */
  readonly inRanges: string;
  /** Key, shown key and hash of the rows with these keys. Parameters: one array of values per key column. */
  readonly byKey: string;
  /** Key and canonical, then shown text of every column, in their order, of the rows with these keys. */
  readonly columnsByKey: string;
}

const own = (column: ComparedColumn): string => `q.${escapeIdentifier(column.name)}`;

export function rowSql(relation: ComparedRelation): RowSql {
  const { from, columns, keys } = relation;
  const key = keyBytes(keys);
  const hash = rowHash(columns);
  const shown = `to_json(ARRAY[${keys.map((column) => column.shown(own(column))).join(', ')}])::text`;
  const where = keyCondition(keys);
  const texts = columns.flatMap((column) => [column.text(own(column)), column.shown(own(column))]);
  return {
    bounds: `
      SELECT k FROM (
        SELECT k, row_number() OVER (ORDER BY k) AS n, count(*) OVER () AS total
        FROM (SELECT ${key} AS k FROM ${from}) AS keyed
        WHERE mod(hashtextextended(encode(k, 'hex'), 0), ${RANGE_ROWS}) = 0
      ) AS bound
      WHERE mod(n, (total - 1) / ${RANGES_MAX} + 1) = 0 ORDER BY k`,
    ranges: `
      SELECT width_bucket(k, $1::bytea[]) AS range, count(*), sum(h)
      FROM (SELECT ${key} AS k, ${hash} AS h FROM ${from}) AS hashed GROUP BY 1`,
    inRanges: `
      SELECT k, shown, h FROM (SELECT ${key} AS k, ${shown} AS shown, ${hash} AS h FROM ${from}) AS hashed
      WHERE width_bucket(k, $1::bytea[]) = ANY ($2::int[]) ORDER BY k`,
    byKey: `SELECT ${key}, ${shown}, ${hash} FROM ${from} WHERE ${where}`,
    columnsByKey: `SELECT ${key}, ${texts.join(', ')} FROM ${from} WHERE ${where}`,
  };
}

/** A record's text tells null from empty and one column from the next. Null where a key column is null. */
function keyBytes(keys: readonly ComparedColumn[]): string {
  const nulls = keys.map((column) => `${own(column)} IS NULL`).join(' OR ');
  const texts = keys.map((column) => column.text(own(column))).join(', ');
  return `CASE WHEN NOT (${nulls}) THEN convert_to(ROW(${texts})::text, 'UTF8') END`;
}

/** 64 bits of SHA-256, which every server has (MD5 is off under FIPS). */
function rowHash(columns: readonly ComparedColumn[]): string {
  const texts = columns.map((column) => column.text(own(column))).join(', ');
  const digest = `sha256(convert_to(ROW(${texts})::text, 'UTF8'))`;
  return `('x' || encode(substr(${digest}, 1, 8), 'hex'))::bit(64)::int8`;
}

/** By the columns themselves, so that an index on them serves. */
function keyCondition(keys: readonly ComparedColumn[]): string {
  const [only] = keys;
  const arrays = keys.map((column, i) => `$${i + 1}::text[]::${column.sql}[]`);
  if (only !== undefined && keys.length === 1) return `${own(only)} = ANY (${arrays.join('')})`;
  return `(${keys.map(own).join(', ')}) IN (SELECT * FROM unnest(${arrays.join(', ')}) AS wanted)`;
}
