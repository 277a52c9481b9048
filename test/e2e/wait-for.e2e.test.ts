import type { Client } from 'pg';
import { expect, test } from 'vitest';
import { type ChainPlace, roleSpec } from '../../infra/local/demo/chain.ts';
import { connect } from '../../infra/local/demo/databases.ts';
import { RoleProcess } from '../../infra/local/demo/role-process.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { demoPlace } from '../support/demo-place.ts';

const WRITERS = 5;
const ROUNDS = 10;
const CUSTOMERS = 50;
const LOAD_EVERY_MS = 5;
const START_MAX_MS = 60_000;
const TEST_MAX_MS = 150_000;

const LSN = 'SELECT pg_current_wal_lsn() AS lsn';
const WAIT_FOR = 'SELECT millrace.wait_for($1, $2, $3) AS reached';

async function waitFor(target: Client, view: string, lsn: string, timeout = '60 s'): Promise<boolean> {
  const { rows } = await target.query<{ reached: boolean }>(WAIT_FOR, [view, lsn, timeout]);
  return rows[0]?.reached ?? false;
}

async function lsnOf(source: Client): Promise<string> {
  const { rows } = await source.query<{ lsn: string }>(LSN);
  return rows[0]?.lsn ?? '';
}

/** A writer of orders that looks for each of them in the targets, mirrored and joined, once they say that it is there. */
async function writeAndLook(place: ChainPlace, writer: number): Promise<number> {
  const source = await connect(place.sourceUrl);
  const target = await connect(place.targetUrl);
  let seen = 0;
  try {
    for (let round = 0; round < ROUNDS; round++) {
      const [order, name] = [`w${writer}-${round}`, `name ${writer} ${round}`];
      await source.query('UPDATE customers SET name = $2 WHERE customer_id = $1', [`c${writer}`, name]);
      await source.query(`INSERT INTO orders VALUES ($1, '2026-01-01', $2, 'West')`, [order, `c${writer}`]);
      const lsn = await lsnOf(source);
      const views = ['public.orders_denorm', 'public.orders'];
      expect(await waitFor(target, views[round % 2] ?? '', lsn)).toBe(true);
      expect(await waitFor(target, views[(round + 1) % 2] ?? '', lsn)).toBe(true);
      const { rows } = await target.query(
        'SELECT customer_name FROM orders JOIN orders_denorm USING (order_id) WHERE order_id = $1',
        [order],
      );
      expect(rows).toEqual([{ customer_name: name }]);
      seen++;
    }
    return seen;
  } finally {
    await source.end();
    await target.end();
  }
}

test(
  'a reader who has waited for an LSN finds what was committed before it, mirrored and joined, under load',
  async () => {
    await using demo = await demoPlace('wait');
    const { chain, place, source, target } = demo;
    await source.query(
      `INSERT INTO customers SELECT 'c' || i, 'name', 'Consumer' FROM generate_series(0, ${CUSTOMERS - 1}) i`,
    );
    const machine = thisMachine();
    await using cleanUp = new AsyncDisposableStack();
    const run = cleanUp.adopt(await createRunFolder(machine), (folder) => folder.remove());
    chain.start('source');
    const processor = roleSpec('order-fulfilment', place);
    const sink = roleSpec('sink', place);
    const roles = [
      { ...processor, name: 'orders-denorm', env: { ...processor.env, MILLRACE_PIPELINE: 'orders-denorm' } },
      {
        ...sink,
        env: {
          ...sink.env,
          MILLRACE_TABLES: 'public.orders=public.orders,orders_denorm=public.orders_denorm',
        },
      },
    ];
    for (const role of roles) cleanUp.use(new RoleProcess(role, run, machine));
    const known = 'SELECT count(lsn)::int AS known FROM millrace.progress';
    const told = (): Promise<unknown> => target.query(known).then(({ rows }) => rows, String);
    await expect.poll(told, { timeout: START_MAX_MS }).toEqual([{ known: 2 }]);

    const over = new AbortController();
    const load = async (): Promise<void> => {
      for (let i = 0; !over.signal.aborted; i++) {
        const customer = `c${WRITERS + (i % (CUSTOMERS - WRITERS))}`;
        await source.query(`INSERT INTO orders VALUES ($1, '2026-01-01', $2, 'East')`, [`l${i}`, customer]);
        await source.query('UPDATE customers SET name = $2 WHERE customer_id = $1', [customer, `n${i}`]);
        await systemClock.sleep(LOAD_EVERY_MS);
      }
    };
    const writers = Array.from({ length: WRITERS }, (_, writer) => writeAndLook(place, writer));
    const [seen] = await Promise.all([Promise.all(writers).finally(() => over.abort()), load()]);
    expect(seen).toEqual(Array.from({ length: WRITERS }, () => ROUNDS));

    const lsn = await lsnOf(source);
    expect(await waitFor(target, 'public.orders_denorm', lsn)).toBe(true);
    expect(await waitFor(target, 'public.orders_denorm', 'FFFFFFFF/0', '0.3 s')).toBe(false);
  },
  TEST_MAX_MS,
);
