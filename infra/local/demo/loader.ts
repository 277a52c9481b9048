import type { Client } from 'pg';
import type { Clock } from '../../process/clock.ts';
import type { SourceTransaction } from './workload.ts';

/** Shorter waits are saved up: a timer is not exact enough for them. */
const WAIT_MIN_MS = 5;

/** Commits the transactions one after the other, as fast as the server takes them. Stops when `signal` aborts. */
export async function load(
  client: Client,
  transactions: readonly SourceTransaction[],
  signal: AbortSignal,
): Promise<void> {
  for (const transaction of transactions) {
    if (signal.aborted) return;
    await commit(client, transaction);
  }
}

/** The same at a steady rate, transactions per second, so that latencies are those of a chain that keeps up. */
export async function loadAtRate(
  client: Client,
  transactions: readonly SourceTransaction[],
  perSecond: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const startMs = clock.now();
  for (const [i, transaction] of transactions.entries()) {
    const aheadMs = startMs + (i * 1000) / perSecond - clock.now();
    if (aheadMs >= WAIT_MIN_MS) await clock.sleep(aheadMs, signal);
    if (signal.aborted) return;
    await commit(client, transaction);
  }
}

async function commit(client: Client, transaction: SourceTransaction): Promise<void> {
  const [first] = transaction;
  if (transaction.length === 1 && first !== undefined) {
    await client.query(first.text, [...first.values]);
    return;
  }
  await client.query('BEGIN');
  for (const statement of transaction) await client.query(statement.text, [...statement.values]);
  await client.query('COMMIT');
}
