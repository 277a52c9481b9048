import type { Client } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type PlannedWrite, writeWithBadRows } from './bad-rows.ts';
import type { DeadLetter, DeadLetterBounds } from './dead-letter-table.ts';
import type { Advance } from './offset-table.ts';
import { applyTransaction, inTransaction } from './transaction.ts';

/** What became of a batch. */
export interface Applied {
  readonly letters: readonly DeadLetter[];
  /** By write: rows that the target knew a later version of. Not told of a batch with bad rows. */
  readonly late: readonly number[];
}

/**
 * Commits a batch, with one statement for each step as long as no row is bad. Where one is, the transaction is made again
 * with savepoints, so that only batches with bad rows pay for them.
 * @param bounds null where a bad row stops the sink
 * @param atEnd what the transaction adds last; run again where the transaction is made again
 * @param onSent called once, while the server works
 * @throws what applyTransaction throws, and Failure `sink.too_many_bad_rows` (stop)
 */
export async function applyBatch(
  client: Client,
  sink: string,
  advances: readonly Advance[],
  writes: readonly PlannedWrite[],
  bounds: DeadLetterBounds | null,
  atEnd: () => Promise<void>,
  onSent: () => void,
): Promise<Applied> {
  if (bounds === null || writes.every(({ write }) => write.undecodable.length === 0)) {
    const steps = writes.flatMap(({ write }) => write.steps);
    const statements = steps.map(({ statement, rows }) => statement(rows));
    try {
      const changed = await applyTransaction(client, sink, advances, statements, atEnd, onSent);
      return { letters: [], late: lateRows(writes, changed) };
    } catch (error) {
      if (bounds === null || !isRejected(error)) throw error;
      await client.query('ROLLBACK');
    }
  }
  const work = (): Promise<readonly DeadLetter[]> => writeWithBadRows(client, sink, writes, bounds);
  return { letters: await inTransaction(client, sink, advances, work, atEnd), late: [] };
}

function isRejected(error: unknown): boolean {
  return error instanceof Failure && error.code === 'sink.rejected';
}

function lateRows(writes: readonly PlannedWrite[], changed: readonly number[]): number[] {
  let next = 0;
  return writes.map(({ feed, write }) => {
    let late = 0;
    for (const { op, rows } of write.steps) {
      const missing = rows.length - (changed[next++] ?? 0);
      if (op === 'upsert' && feed.keepsPosition) late += missing;
    }
    return late;
  });
}
