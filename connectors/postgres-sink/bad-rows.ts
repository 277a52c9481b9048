import type { Client } from 'pg';
import type { Change } from './batch.ts';
import { type DeadLetter, type DeadLetterBounds, insertDeadLetters, tooMany } from './dead-letter-table.ts';
import type { Slice } from './inbox.ts';
import type { TableFeed, TableWrite } from './table-feed.ts';
import { queryOf, refusalOf } from './transaction.ts';
import type { Step } from './upsert.ts';

/** What a transaction does to one table. */
export interface PlannedWrite {
  readonly feed: TableFeed;
  readonly slices: readonly Slice[];
  readonly write: TableWrite;
}

/**
 * Writes a batch that has bad rows, within a transaction: finds the keys that the target refuses by halves, each under a
 * savepoint, then writes the records of these keys one by one, behind everything else, so that a row that another one
 * stood in the way of gets in. What is refused then is a dead letter, and the row of its key stays as the last good record
 * has left it.
 * @throws Failure `sink.too_many_bad_rows` (stop), and any error that is not about a value
 */
export async function writeWithBadRows(
  client: Client,
  sink: string,
  writes: readonly PlannedWrite[],
  bounds: DeadLetterBounds,
): Promise<readonly DeadLetter[]> {
  const search = new Search(client, bounds.perBatchMax);
  for (const planned of writes) for (const step of planned.write.steps) await search.step(planned, step);
  const letters = writes.flatMap(({ feed, write }) =>
    write.undecodable.map(({ record, error }) => feed.deadLetter(record, error)),
  );
  for (const { feed, slices } of writes) {
    for (const { record, steps } of feed.history(slices, search.keysOf(feed))) {
      const error = await attempt(client, steps);
      if (error !== null) letters.push(feed.deadLetter(record, error));
      if (letters.length > bounds.perBatchMax) throw overBatch(bounds, letters);
    }
  }
  if (letters.length > bounds.perBatchMax) throw overBatch(bounds, letters);
  await insertDeadLetters(client, sink, letters, bounds);
  return letters;
}

function overBatch({ perBatchMax }: DeadLetterBounds, letters: readonly DeadLetter[]): Error {
  return tooMany(`more than ${perBatchMax} records of one batch are bad`, letters);
}

/** The keys that a table refuses, in the state that the batch leaves them in. */
class Search {
  readonly #client: Client;
  readonly #keysMax: number;
  readonly #keys = new Map<TableFeed, Set<string>>();
  #count = 0;

  constructor(client: Client, keysMax: number) {
    this.#client = client;
    this.#keysMax = keysMax;
  }

  keysOf(feed: TableFeed): ReadonlySet<string> {
    return this.#keys.get(feed) ?? new Set();
  }

  async step({ feed }: PlannedWrite, step: Step): Promise<void> {
    if (step.rows.length === 0) await this.#client.query(queryOf(step.statement([])));
    else await this.#halve(feed, step, step.rows);
  }

  async #halve(feed: TableFeed, step: Step, rows: readonly Change[]): Promise<void> {
    const error = await attempt(this.#client, [{ ...step, rows }]);
    if (error === null) return;
    const [only] = rows;
    if (rows.length === 1 && only !== undefined) {
      this.#refuse(feed, only.keyBody, error);
      return;
    }
    const middle = rows.length >> 1;
    await this.#halve(feed, step, rows.slice(0, middle));
    await this.#halve(feed, step, rows.slice(middle));
  }

  #refuse(feed: TableFeed, keyBody: string, error: Error): void {
    const keys = this.#keys.get(feed) ?? new Set();
    this.#keys.set(feed, keys.add(keyBody));
    this.#count++;
    if (this.#count > this.#keysMax)
      throw tooMany(
        `${feed.label} refuses more than ${this.#keysMax} rows of one batch, this one with ${refusalOf(error)}`,
        [],
      );
  }
}

/** Runs statements under a savepoint. @returns what the target has against a value, and then nothing of them is done */
async function attempt(client: Client, steps: Iterable<Step>): Promise<Error | null> {
  await client.query('SAVEPOINT millrace_part');
  try {
    for (const { statement, rows } of steps) await client.query(queryOf(statement(rows)));
  } catch (error) {
    if (refusalOf(error) === null || !(error instanceof Error)) throw error;
    await client.query('ROLLBACK TO SAVEPOINT millrace_part; RELEASE SAVEPOINT millrace_part');
    return error;
  }
  await client.query('RELEASE SAVEPOINT millrace_part');
  return null;
}
