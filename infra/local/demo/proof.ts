import type { Client } from 'pg';

/** A target table, and the SQL over the source tables that it stands for. */
export interface TargetProof {
  readonly target: string;
  /** Column that tells the rows apart. */
  readonly key: string;
  /** Runs on the target. */
  readonly actual: string;
  /** Runs on the source; the same columns with the same types. */
  readonly expected: string;
}

export interface ProofResult {
  readonly target: string;
  readonly rows: number;
  readonly mismatches: number;
  /** Keys that differ, at most {@link EXAMPLES_MAX}, with what is wrong. */
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 5;

const FULFILMENT_COLUMNS = `order_id, order_date::date, ship_date::date, days_to_ship::int, ship_mode::text,
  customer_id::text, customer_name::text, segment::text, region::text`;
const REVENUE_COLUMNS = `customer_id, name::text, segment::text, lines::int, quantity::bigint,
  revenue::numeric(18,4), profit::numeric(18,4)`;

export const TARGET_PROOFS: readonly TargetProof[] = [
  {
    target: 'order_fulfilment',
    key: 'order_id',
    actual: `SELECT ${FULFILMENT_COLUMNS} FROM order_fulfilment`,
    expected: `SELECT ${FULFILMENT_COLUMNS} FROM (
      SELECT order_id, order_date, ship_date, ship_date - order_date AS days_to_ship, ship_mode,
             customer_id, customers.name AS customer_name, segment, region
      FROM orders JOIN shipments USING (order_id) JOIN customers USING (customer_id)
      WHERE ship_date BETWEEN order_date AND order_date + 7) AS fulfilment`,
  },
  {
    target: 'customer_revenue',
    key: 'customer_id',
    actual: `SELECT ${REVENUE_COLUMNS} FROM customer_revenue`,
    expected: `SELECT ${REVENUE_COLUMNS} FROM (
      SELECT customer_id, name, segment, count(*) AS lines, sum(quantity) AS quantity,
             sum(sales) AS revenue, sum(profit) AS profit
      FROM order_lines JOIN customers USING (customer_id) GROUP BY customer_id, name, segment) AS revenue`,
  },
];

/** Compares row by row. To be called at a quiet point: when nothing is under way between source and target. */
export async function prove(proof: TargetProof, source: Client, target: Client): Promise<ProofResult> {
  const expected = await rowTexts(source, proof.key, proof.expected);
  const actual = await rowTexts(target, proof.key, proof.actual);
  const wrong: string[] = [];
  for (const [key, row] of expected) {
    const found = actual.get(key);
    if (found === undefined) wrong.push(`${key}: missing, expected ${row}`);
    else if (found !== row) wrong.push(`${key}: is ${found}, expected ${row}`);
  }
  for (const [key, row] of actual) if (!expected.has(key)) wrong.push(`${key}: extra, is ${row}`);
  return {
    target: proof.target,
    rows: expected.size,
    mismatches: wrong.length,
    examples: wrong.slice(0, EXAMPLES_MAX),
  };
}

/** Postgres itself prints the rows, so that no driver's idea of a type can hide a difference. */
async function rowTexts(client: Client, key: string, sql: string): Promise<Map<string, string>> {
  const text = `SELECT t.${key}::text AS key, t::text AS row FROM (${sql}) AS t`;
  const { rows } = await client.query<{ key: string; row: string }>(text);
  return new Map(rows.map((row) => [row.key, row.row]));
}
