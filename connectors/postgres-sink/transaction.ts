import type { Client } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type Advance, advanceOffsets } from './offset-table.ts';
import type { Statement } from './upsert.ts';

/**
 * Writes rows and offsets in one transaction, the offsets first, and what `atEnd` adds last. After any error the session must be thrown away,
 * which rolls back; only the offset table tells whether a COMMIT whose answer was lost is in.
 * @throws Failure `sink.fenced` (fenced), `sink.rolled_back` (retry), `sink.rejected` (stop) and what the session throws
 */
export async function applyTransaction(
  client: Client,
  sink: string,
  advances: readonly Advance[],
  statements: Iterable<Statement>,
  atEnd: () => Promise<void> = async () => undefined,
): Promise<void> {
  await client.query('BEGIN');
  await advanceOffsets(client, sink, advances);
  for (const statement of statements)
    await client.query(queryOf(statement)).catch((error: unknown) => reject(error, advances));
  await atEnd();
  const { command } = await client.query('COMMIT');
  // Postgres answers a COMMIT of a failed transaction with success and the tag ROLLBACK
  if (command !== 'COMMIT')
    throw new Failure(
      'sink.rolled_back',
      'retry',
      `Postgres answered COMMIT with ${command}: the batch is not applied`,
    );
}

function queryOf(statement: Statement): { name?: string; text: string; values: string[] } {
  return { ...statement, values: [...statement.values] };
}

/** SQLSTATE classes of values that the table does not take: data exception, integrity constraint violation. */
const REJECTED = /^(22|23)/;

function reject(error: unknown, advances: readonly Advance[]): never {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (!REJECTED.test(code)) throw error;
  const ranges = advances.map(
    ({ held, nextOffset }) => `${held.topic}/${held.partition} ${held.nextOffset}..${nextOffset - 1}`,
  );
  throw new Failure(
    'sink.rejected',
    'stop',
    `the target refuses a row of the offsets ${ranges.join(', ')} (SQLSTATE ${code})`,
    {
      cause: error,
      fix: 'correct the row in its source, or the constraint on the target table; nothing was skipped',
    },
  );
}
