import { identifier } from '../../connectors/postgres-source/wire/sql-text.ts';
import { BUY_WITHIN_MS, SALES_MS, VISIT_GAP_MS } from './pipelines.ts';
import { EVENT_TABLES } from './source-tables.ts';

/** A target table, and the query over the source that it stands for. Both give a key as text and the row. */
export interface Target {
  /** Its topic, without the prefix. */
  readonly topic: string;
  /** In the schema `public`. */
  readonly table: string;
  readonly expected: string;
  readonly actual: string;
}

const asRows = (key: string, query: string): string =>
  `SELECT ${key} AS key, t::text AS row FROM (${query}) AS t`;

/**
 * A table of the source as the sink has copied it: all that the source's own columns say.
 * @param lacking columns that the target does not have: no row has come that says anything about them
 */
export function mirrored(
  table: string,
  key: readonly string[],
  columns: readonly string[],
  lacking: ReadonlySet<string> = new Set(),
): Target {
  const keyText = `jsonb_build_array(${key.map(identifier).join(', ')})::text`;
  const query = (column: (name: string) => string): string =>
    asRows(keyText, `SELECT ${[...key, ...columns].map(column).join(', ')} FROM public.${identifier(table)}`);
  const actual = query((name) => (lacking.has(name) ? `NULL AS ${identifier(name)}` : identifier(name)));
  return { topic: `public.${table}`, table, expected: query(identifier), actual };
}

function result(table: string, key: string, columns: string, actual: string, expected: string): Target {
  const keyText = `jsonb_build_array(${key})::text`;
  return {
    topic: table,
    table,
    expected: asRows(keyText, `SELECT ${columns} FROM (${expected}) AS e`),
    actual: asRows(keyText, `SELECT ${columns} FROM (${actual}) AS a`),
  };
}

const ms = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::bigint AS ${column}`;
/** Visitors below 0 only move the time on. */
const REAL = 'visitor >= 0';

/** Each click with the number of its visit. */
const VISITS = `SELECT visitor, at, sum(begins) OVER (PARTITION BY visitor ORDER BY at, id) AS visit FROM (
  SELECT *, (at - lag(at) OVER (PARTITION BY visitor ORDER BY at, id) <= ${VISIT_GAP_MS} IS NOT TRUE)::int AS begins
  FROM clicks WHERE ${REAL}) AS c`;

/** How often each window was told: one row of a table does not say. */
function toldOnce(table: string, windows: string): Target {
  return result(
    table,
    'visitor, window_start, window_end',
    'visitor, window_start, window_end, times',
    `SELECT visitor, ${ms('window_start')}, ${ms('window_end')}, times FROM ${table} WHERE ${REAL}`,
    `SELECT *, 1 AS times FROM (${windows}) AS w`,
  );
}

export const RESULTS: readonly Target[] = [
  result(
    'orders_denorm',
    'id',
    'id, customer::bigint, amount::bigint, name, tier',
    'SELECT * FROM orders_denorm',
    `SELECT o.id, o.customer, o.amount, c.name, c.tier FROM orders o JOIN customers c ON c.id = o.customer`,
  ),
  result(
    'customer_totals',
    'customer',
    'customer::bigint, lines, amount::bigint',
    'SELECT * FROM customer_totals',
    `SELECT customer, count(*) AS lines, coalesce(sum(amount), 0) AS amount FROM orders
     WHERE customer IS NOT NULL GROUP BY customer`,
  ),
  result(
    'click_plans',
    'id',
    'id, visitor, plan',
    'SELECT * FROM click_plans',
    `SELECT id, visitor, (
       SELECT plan FROM profile_versions v
       WHERE v.visitor = c.visitor AND committed_ms(v.xmin) <= committed_ms(c.xmin) ORDER BY no DESC LIMIT 1
     ) AS plan FROM clicks c`,
  ),
  result(
    'click_buys',
    'click, buy',
    'click, buy, after, amount',
    'SELECT * FROM click_buys',
    `SELECT c.id AS click, b.id AS buy, b.at - c.at AS after, b.amount FROM clicks c JOIN buys b USING (visitor)
     WHERE b.at BETWEEN c.at AND c.at + ${BUY_WITHIN_MS}`,
  ),
  result(
    'visits',
    'visitor, window_start',
    'visitor, window_start, window_end, clicks',
    `SELECT visitor, ${ms('window_start')}, ${ms('window_end')}, clicks FROM visits WHERE ${REAL}`,
    `SELECT visitor, min(at) AS window_start, max(at) AS window_end, count(*) AS clicks FROM (${VISITS}) AS v
     GROUP BY visitor, visit`,
  ),
  result(
    'sales',
    'visitor, window_start',
    'visitor, window_start, window_end, lines, amount::bigint',
    `SELECT visitor, ${ms('window_start')}, ${ms('window_end')}, lines, amount FROM sales WHERE ${REAL}`,
    `SELECT visitor, at / ${SALES_MS} * ${SALES_MS} AS window_start, (at / ${SALES_MS} + 1) * ${SALES_MS} AS window_end,
       count(*) AS lines, sum(amount) AS amount FROM buys WHERE ${REAL} GROUP BY 1, 2, 3`,
  ),
  toldOnce(
    'visits_told',
    `SELECT visitor, min(at) AS window_start, max(at) AS window_end FROM (${VISITS}) AS v GROUP BY visitor, visit`,
  ),
  toldOnce(
    'sales_told',
    `SELECT DISTINCT visitor, at / ${SALES_MS} * ${SALES_MS} AS window_start, (at / ${SALES_MS} + 1) * ${SALES_MS} AS window_end
     FROM buys WHERE ${REAL}`,
  ),
];

export const EVENT_MIRRORS: readonly Target[] = EVENT_TABLES.map((table) =>
  table === 'profiles'
    ? mirrored(table, ['visitor'], ['plan'])
    : mirrored(table, ['id'], ['visitor', 'at', table === 'clicks' ? 'page' : 'amount']),
);
