import type { Client } from 'pg';
import { type TargetProof, prove } from '../../infra/local/demo/proof.ts';
import { must } from '../../infra/process/assert.ts';
import type { Clock } from '../../infra/process/clock.ts';

const CUSTOMERS = 100;
/** Tables that are copied, and nothing else: one for each policy about shapes that a topic does not take. */
export const COPIED_TABLES = ['invoices', 'parcels', 'returns'] as const;
const COPIED_ROWS = 40;
const WRITE_EVERY_MS = 8;

export const SHOP_SQL = `
${COPIED_TABLES.map((name) => `CREATE TABLE ${name} (id integer PRIMARY KEY, code text NOT NULL);`).join('\n')}
INSERT INTO customers SELECT 'c' || i, 'name ' || i, 'Consumer' FROM generate_series(0, ${CUSTOMERS - 1}) i;
INSERT INTO orders SELECT 'old' || i, '2026-01-01', 'c' || i % ${CUSTOMERS}, 'West' FROM generate_series(1, 100) i;`;

/** What the tables of the target stand for by now. */
export interface Claims {
  /** The table of the source that a table of the target is a copy of. */
  readonly copies: Map<string, string>;
  /** What the customer's segment is called in the source. */
  segment: string;
  /** Columns that the result of the pipeline has beside its first ones, and what they are over the source. */
  readonly results: Map<string, string>;
}

export function firstClaims(tables: readonly string[]): Claims {
  return {
    copies: new Map(tables.map((name) => [name, name])),
    segment: 'segment',
    results: new Map(),
  };
}

/** Columns that the table does not have yet, or not any more, are left out: it says what comes while its shape changes. */
async function put(client: Client, table: string, row: Readonly<Record<string, unknown>>): Promise<void> {
  await client.query(
    `INSERT INTO ${table} SELECT (jsonb_populate_record(NULL::${table}, $1)).* ON CONFLICT DO NOTHING`,
    [JSON.stringify(row)],
  );
}

async function write(client: Client, i: number): Promise<void> {
  const customer = `c${i % CUSTOMERS}`;
  const order = {
    order_id: `o${i}`,
    order_date: '2026-02-01',
    customer_id: customer,
    region: 'East',
    priority: i,
    urgency: i,
  };
  switch (i % 6) {
    case 0:
    case 1:
      return await put(client, 'orders', order);
    case 2: {
      const moved = `UPDATE orders SET region = $2, customer_id = $3 WHERE order_id = $1`;
      await client.query(moved, [`o${i - 8}`, `R${i}`, customer]);
      return;
    }
    case 3:
      await client.query('UPDATE customers SET name = $2 WHERE customer_id = $1', [customer, `name ${i}`]);
      return;
    case 4:
      await client.query('DELETE FROM orders WHERE order_id = $1', [`o${i - 40}`]);
      return;
    default:
      await client.query('BEGIN');
      for (const table of COPIED_TABLES) {
        const id = i % COPIED_ROWS;
        if (i % 5 < 2) await client.query(`DELETE FROM ${table} WHERE id = $1`, [id]);
        await put(client, table, { id, code: String(i) });
      }
      await client.query('COMMIT');
  }
}

/** Somebody who writes all the time, but for the moments in which it is asked to wait. */
export interface ShopWriter extends AsyncDisposable {
  /** No transaction of it is open until what this gives is disposed of. @throws what made it end */
  pause(): Promise<Disposable>;
}

export function startWriter(client: Client, clock: Clock): ShopWriter {
  let isOver = false;
  let isPaused = false;
  let resumed: Promise<void> = Promise.resolve();
  let written: Promise<void> = Promise.resolve();
  const writing = (async () => {
    for (let i = 0; !isOver; i++) {
      while (isPaused) await resumed;
      written = write(client, i);
      await written;
      await clock.sleep(WRITE_EVERY_MS);
    }
  })();
  writing.catch(() => undefined);
  return {
    async pause() {
      const pause = Promise.withResolvers<void>();
      isPaused = true;
      resumed = pause.promise;
      await written;
      return {
        [Symbol.dispose]: () => {
          isPaused = false;
          pause.resolve();
        },
      };
    },
    async [Symbol.asyncDispose]() {
      isOver = true;
      await writing;
    },
  };
}

/** Rows of any table that differ from the SQL that it stands for, at most a few of each; a table without rows differs too. */
export async function differences(
  claims: Claims,
  source: Client,
  target: Client,
): Promise<readonly string[]> {
  const found: string[] = [];
  const proofs = [resultProof(claims)];
  for (const [copy, table] of claims.copies) proofs.push(await copyProof(source, table, copy));
  for (const proof of proofs) {
    const { rows, examples } = await prove(proof, source, target);
    found.push(...(rows === 0 ? ['no rows'] : examples).map((text) => `${proof.target}: ${text}`));
  }
  return found;
}

function resultProof({ segment, results }: Claims): TargetProof {
  const [names, values] = [
    ['order_id, order_date, region, customer_id, customer_name, segment', ...results.keys()].join(', '),
    [
      `order_id, order_date, region, customer_id, name AS customer_name, ${segment} AS segment`,
      ...[...results].map(([name, sql]) => `${sql} AS ${name}`),
    ].join(', '),
  ];
  return {
    target: 'orders_denorm',
    key: 'order_id',
    actual: `SELECT ${names} FROM orders_denorm`,
    expected: `SELECT ${values} FROM orders JOIN customers USING (customer_id)`,
  };
}

/** The columns that the table has now: those that it had once are in the target still. */
async function copyProof(source: Client, table: string, copy: string): Promise<TargetProof> {
  const { rows } = await source.query<{ key: string; columns: string }>(
    `SELECT min(attname) FILTER (WHERE attnum = 1) AS key, string_agg(quote_ident(attname), ', ' ORDER BY attnum) AS columns
     FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped`,
    [table],
  );
  const { key, columns } = must(rows[0], `no columns of ${table}`);
  const select = `SELECT ${columns} FROM`;
  return { target: copy, key, actual: `${select} ${copy}`, expected: `${select} ${table}` };
}
