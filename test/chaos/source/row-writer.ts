import type { Clock } from '../../../infra/process/clock.ts';
import { type Random, pick, whole } from '../fault-lane.ts';
import type { ChaosTable } from './chaos-table.ts';
import { databaseSession } from './database-session.ts';
import { largeStatement, randomStatement } from './random-statement.ts';

const STATEMENTS_MAX = 6;
const LARGE_SHARE = 0.003;
const ROLLBACK_SHARE = 0.1;
/** Statements whose subtransaction is rolled back though nothing is wrong with them. */
const UNDO_SHARE = 0.1;
const PAUSE_MAX_MS = 30;
const TROUBLE_PAUSE_MS = 200;

export interface RowWriter {
  /** Transactions that were committed, as far as is known. */
  readonly committed: number;
  readonly statements: number;
  /** Ends with the transaction at hand. */
  stop(): Promise<void>;
}

export interface RowWriterOptions {
  readonly url: string;
  /** What there is to write to; it may grow. */
  readonly tables: readonly ChaosTable[];
  readonly random: Random;
  readonly clock: Clock;
}

/**
 * Changes rows in transactions of one session until it is stopped. Each statement has a savepoint of its own, and what
 * fails is rolled back to it: a key that is taken, a column that is gone. A session that is lost is opened again; what
 * became of its transaction does not matter, since the tables themselves say what is true.
 */
export function startRowWriter({ url, tables, random, clock }: RowWriterOptions): RowWriter {
  const session = databaseSession(url);
  const stop = new AbortController();
  const done = { committed: 0, statements: 0 };
  const statement = async (): Promise<void> => {
    const table = pick(random, tables);
    const sql = random() < LARGE_SHARE ? largeStatement(random, table) : randomStatement(random, table);
    const isUndone = random() < UNDO_SHARE;
    await session.sql('SAVEPOINT one');
    try {
      await session.sql(sql);
      done.statements++;
      await session.sql(isUndone ? 'ROLLBACK TO one' : 'RELEASE one');
    } catch (error) {
      refuseSyntaxError(error, sql);
      await session.sql('ROLLBACK TO one');
    }
  };
  const transaction = async (): Promise<void> => {
    await session.sql('BEGIN');
    for (let left = 1 + whole(random, STATEMENTS_MAX); left > 0; left--) await statement();
    const isCommitted = random() >= ROLLBACK_SHARE;
    await session.sql(isCommitted ? 'COMMIT' : 'ROLLBACK');
    if (isCommitted) done.committed++;
  };
  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        await transaction();
        await clock.sleep(random() * PAUSE_MAX_MS, stop.signal);
      } catch (error) {
        if (error instanceof SyntaxError) throw error;
        await session.sql('ROLLBACK').catch(() => undefined);
        await clock.sleep(TROUBLE_PAUSE_MS, stop.signal);
      }
    }
    await session[Symbol.asyncDispose]();
  })();
  running.catch(() => undefined);
  return {
    get committed() {
      return done.committed;
    },
    get statements() {
      return done.statements;
    },
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/** A statement that Postgres cannot read is a mistake of the scenario, and would test nothing. */
function refuseSyntaxError(error: unknown, sql: string): void {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  // 42703, a column that is gone, is what happens; so is 23: a key that is taken.
  if (/^42(601|804|846|883)/.test(code)) throw new SyntaxError(`${String(error)} in: ${sql}`);
}
