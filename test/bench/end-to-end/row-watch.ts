import type { Client } from 'pg';

/** A reader that asks more often takes the processors from what it measures. */
const LOOK_EVERY_MS = 2;
const ROWS_PER_LOOK_MAX = 20_000;

export const nowMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** The rows that a reader waits for: how their ids are spelled, and the statement that finds them. */
export interface AwaitedRows {
  /** Ids from `$1` on, ascending, `$2` at most. */
  readonly sql: string;
  readonly idOf: (row: number) => string;
  readonly rowOf: (id: string) => number;
  readonly first: number;
  readonly count: number;
}

/**
 * Asks for rows again and again, from the first one that is missing on.
 * @param until when to give up, milliseconds of {@link nowMs}
 * @returns when each row was first seen, milliseconds of {@link nowMs}
 * @throws Error when rows are missing then
 */
export async function watchRows(client: Client, rows: AwaitedRows, until: number): Promise<Float64Array> {
  const { sql, idOf, rowOf, first, count } = rows;
  const seen = new Float64Array(count);
  let next = 0;
  while (next < count) {
    const query = {
      name: 'watched',
      text: sql,
      values: [idOf(first + next), ROWS_PER_LOOK_MAX],
      rowMode: 'array' as const,
    };
    const { rows: found } = await client.query<[string]>(query);
    const now = nowMs();
    for (const [id] of found) {
      const i = rowOf(id) - first;
      if (seen[i] === 0) seen[i] = now;
    }
    while (next < count && seen[next] !== 0) next++;
    if (now > until) throw new Error(`row ${idOf(first + next)} and perhaps others did not come`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return seen;
}
