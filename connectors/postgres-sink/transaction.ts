import type { Client } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type Advance, advanceOffsets } from './offset-table.ts';
import { isWithheld } from './table-access.ts';
import type { Statement } from './upsert.ts';

/**
 * Writes rows and offsets in one transaction, the offsets first, and what `atEnd` adds last. After any error the session must be thrown away, or the
 * transaction rolled back by ROLLBACK; only the offset table tells whether a COMMIT whose answer was lost is in.
 * @returns what each statement has changed, in rows
 * @throws Failure `sink.fenced` (fenced), `sink.rolled_back` (retry), `sink.rejected` (dead-letter) and what the session throws
 */
export function applyTransaction(
  client: Client,
  sink: string,
  advances: readonly Advance[],
  statements: Iterable<Statement>,
  atEnd: () => Promise<void> = async () => undefined,
): Promise<readonly number[]> {
  const work = async (): Promise<readonly number[]> => {
    const changed: number[] = [];
    for (const statement of statements) {
      const { rowCount } = await client
        .query(queryOf(statement))
        .catch((error: unknown) => reject(error, advances));
      changed.push(rowCount ?? 0);
    }
    return changed;
  };
  return inTransaction(client, sink, advances, work, atEnd);
}

/** {@link applyTransaction} with work of the caller's own in place of statements. */
export async function inTransaction<T>(
  client: Client,
  sink: string,
  advances: readonly Advance[],
  work: () => Promise<T>,
  atEnd: () => Promise<void>,
): Promise<T> {
  await client.query('BEGIN');
  await advanceOffsets(client, sink, advances);
  const result = await work();
  await atEnd();
  const { command } = await client.query('COMMIT').catch((error: unknown) => reject(error, advances));
  // Postgres answers a COMMIT of a failed transaction with success and the tag ROLLBACK
  if (command !== 'COMMIT')
    throw new Failure(
      'sink.rolled_back',
      'retry',
      `Postgres answered COMMIT with ${command}: the batch is not applied`,
    );
  return result;
}

export function queryOf(statement: Statement): { name?: string; text: string; values: string[] } {
  return { ...statement, values: [...statement.values] };
}

/**
 * SQLSTATEs of values that the table does not take: data exception, integrity constraint violation, a value too large
 * for an index, and what a trigger raises.
 */
const REFUSED = /^(22|23|54000$|P0001$)/;

/** The SQLSTATE of an error that says that the table does not take a value, else null. */
export function refusalOf(error: unknown): string | null {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REFUSED.test(code) ? code : null;
}

function reject(error: unknown, advances: readonly Advance[]): never {
  if (isWithheld(error))
    throw new Failure('sink.grant_missing', 'stop', 'the sink has lost a right while it ran', {
      cause: error,
      fix: 'start it again: it names what is missing, and goes on from the stored offsets',
    });
  const code = refusalOf(error);
  if (code === null) throw error;
  const ranges = advances.map(
    ({ held, nextOffset }) => `${held.topic}/${held.partition} ${held.nextOffset}..${nextOffset - 1}`,
  );
  throw new Failure(
    'sink.rejected',
    'dead-letter',
    `the target refuses a row of the offsets ${ranges.join(', ')} (SQLSTATE ${code})`,
    {
      cause: error,
      fix:
        'correct the row in its source, or the constraint on the target table; nothing was skipped. To go on without ' +
        'such rows: --bad-rows dead-letter (a constraint that is deferred to COMMIT names no row, and stops even then)',
    },
  );
}
