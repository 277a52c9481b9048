import type { Client } from 'pg';

/** The table that is measured; what the other one says is only that a segment of WAL has an end. */
export const ORDERS = 'public.orders';
export const FINISH = 'public.finish';

/** Columns as business tables have them: a row is some 230 bytes of text. */
export const TABLES_SQL = `
  CREATE TABLE orders (
    id int8 PRIMARY KEY, customer text NOT NULL, amount numeric(12,2) NOT NULL, created_at timestamptz NOT NULL,
    paid bool NOT NULL, details jsonb NOT NULL, quantity int4);
  CREATE TABLE finish (id int4 PRIMARY KEY)`;

/** Everything follows from the number `i`: each run writes the same rows. */
const ROW = `SELECT i, 'customer-' || lpad((i * 7919 % 100000)::text, 6, '0') || left('-of-some-length', (i % 15)::int),
  (i * 104729 % 10000000) / 100.0, timestamptz '2026-01-01 00:00:00.123456+00' + i * interval '1.000137 seconds',
  i % 3 = 0, format('{"sku": "SKU-%s", "warehouse": "%s", "gift": %s, "weight": %s, "note": "leave at the door"}',
    i * 31 % 100000, 'north-' || i % 7, (i % 5 = 0)::text, (i % 997) / 10.0)::jsonb, (i % 50)::int4`;

/** Writes rows `first`… in transactions of `perTransaction` rows, by the server itself: no round trips. */
export async function writeOrders(
  client: Client,
  first: number,
  rows: number,
  perTransaction: number,
): Promise<void> {
  await client.query(`DO $$ BEGIN
    FOR n IN 0..${Math.ceil(rows / perTransaction) - 1} LOOP
      INSERT INTO orders ${ROW} FROM generate_series(${first}::int8 + n * ${perTransaction}::int8,
        least(${first}::int8 + (n + 1) * ${perTransaction}::int8, ${first + rows}) - 1) AS i;
      COMMIT;
    END LOOP;
  END $$`);
}

/** One order as SQL of its own, for the writer of transactions that are due. */
export const ORDER_SQL = `INSERT INTO orders ${ROW} FROM (VALUES ({id}::int8)) AS v (i)`;
