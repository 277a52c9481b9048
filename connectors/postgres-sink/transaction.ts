import type { Client, QueryConfig } from 'pg';
import { Failure } from '../../infra/process/failure.ts';
import { type Advance, advanceOffsets } from './offset-table.ts';
import { isWithheld } from './table-access.ts';
import { answerMaxMs } from './target-session.ts';
import type { Statement } from './upsert.ts';

/**
 * Writes rows and offsets in one transaction, the offsets first, and what `atEnd` adds last. All of it is sent at once: the
 * server goes from one statement to the next without waiting for this process. After any error the session must be thrown
 * away, or the transaction rolled back by ROLLBACK; only the offset table tells whether a COMMIT whose answer was lost is in.
 * @param onSent called while the server works: time for the next batch
 * @returns what each statement has changed, in rows
 * @throws Failure `sink.fenced` (fenced), `sink.rolled_back` (retry), `sink.rejected` (dead-letter) and what the session throws
 */
export async function applyTransaction(
  client: Client,
  sink: string,
  advances: readonly Advance[],
  statements: readonly Statement[],
  atEnd: () => Promise<void> = async () => undefined,
  onSent: () => void = () => undefined,
): Promise<readonly number[]> {
  const sent: Promise<unknown>[] = [client.query('BEGIN'), advanceOffsets(client, sink, advances)];
  const answers = statements.map((statement) =>
    client.query(waitedFor(queryOf(statement), sent.length + statements.length)),
  );
  sent.push(...answers);
  const settled = Promise.allSettled(sent);
  // Where the transaction has failed already, this fails by it.
  const [end] = await Promise.allSettled([atEnd()]);
  const committed = client.query(waitedFor({ text: 'COMMIT' }, sent.length));
  const commit = Promise.allSettled([committed]);
  onSent();
  for (const answer of [...(await settled), end, ...(await commit)])
    if (answer.status === 'rejected') reject(answer.reason, advances);
  checkCommitted((await committed).command);
  return (await Promise.all(answers)).map(({ rowCount }) => rowCount ?? 0);
}

/** An option of `pg` that its types lack. */
function waitedFor(query: QueryConfig, behind: number): QueryConfig {
  return { ...query, query_timeout: answerMaxMs(behind) } as QueryConfig;
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
  checkCommitted(command);
  return result;
}

/** Postgres answers a COMMIT of a failed transaction with success and the tag ROLLBACK. */
function checkCommitted(command: string): void {
  if (command !== 'COMMIT')
    throw new Failure(
      'sink.rolled_back',
      'retry',
      `Postgres answered COMMIT with ${command}: the batch is not applied`,
    );
}

export function queryOf(statement: Statement): { name?: string; text: string; values: (string | Buffer)[] } {
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
