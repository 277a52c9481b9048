import { conditionsSql, tableSql } from './chunk-reader.ts';
import type { PublishedTable } from '../shapes/catalog.ts';
import type { WireConnection } from '../wire/wire-connection.ts';

interface Explained {
  readonly 'QUERY PLAN': readonly { readonly Plan: { readonly 'Plan Rows': number } }[];
}

/**
 * How many rows a copy will have: the planner's guess, from the table's size and what ANALYZE last saw. It is also there
 * for a table that was never analysed, for partitioned tables, and under a condition.
 * https://www.postgresql.org/docs/current/row-estimation-examples.html
 */
export async function estimateRows(
  sql: WireConnection,
  table: PublishedTable,
  only: boolean,
  where: string | null,
): Promise<number> {
  const [row] = await sql.query<Explained>(
    `EXPLAIN (FORMAT JSON) SELECT FROM ${tableSql(table, only)}${conditionsSql([table.filter, where])}`,
  );
  return row?.['QUERY PLAN'][0]?.Plan['Plan Rows'] ?? 0;
}
