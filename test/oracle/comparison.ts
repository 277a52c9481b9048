import type { Clock } from '../../infra/process/clock.ts';
import type { DatabaseSession } from '../chaos/source/database-session.ts';
import type { Target } from './targets.ts';

/** Rows that differ are told one by one up to here. */
const EXAMPLES_MAX = 5;
/** A server may still be coming back. */
const AGAIN_MS = 200;
const ROW_CHARACTERS_MAX = 300;
/** Both databases print alike, whatever they were set to. */
const SETTINGS = `SET timezone = 'UTC'; SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 1`;

export interface Comparison {
  readonly table: string;
  readonly rows: number;
  readonly mismatches: number;
  readonly examples: readonly string[];
}

/** Compares a target with its query, evaluated by Postgres over the source. Nothing may be under way between them. */
export async function compare(
  target: Target,
  source: DatabaseSession,
  sink: DatabaseSession,
  clock: Clock,
): Promise<Comparison> {
  const [expected, actual] = await Promise.all([
    rowsOf(source, target.expected, clock),
    rowsOf(sink, target.actual, clock),
  ]);
  const examples: string[] = [];
  let mismatches = 0;
  const wrong = (what: string): void => {
    mismatches++;
    if (examples.length < EXAMPLES_MAX) examples.push(`${target.table} ${what}`);
  };
  for (const [key, row] of expected) {
    const found = actual.get(key);
    if (found === undefined) wrong(`${key} is missing: ${short(row)}`);
    else if (found !== row) wrong(`${key} is ${short(found)}, and should be ${short(row)}`);
  }
  for (const [key, row] of actual) if (!expected.has(key)) wrong(`${key} should not be there: ${short(row)}`);
  return { table: target.table, rows: expected.size, mismatches, examples };
}

async function rowsOf(session: DatabaseSession, query: string, clock: Clock): Promise<Map<string, string>> {
  for (;;) {
    try {
      const rows = await session.sql(`${SETTINGS}; ${query}`);
      return new Map(rows.map(([key, row]) => [key ?? '', row ?? '']));
    } catch (error) {
      if (isOfQuery(error)) throw error;
      await clock.sleep(AGAIN_MS);
    }
  }
}

/** A table or column that is not there: asking again would not help. */
function isOfQuery(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('42');
}

function short(row: string): string {
  return row.length <= ROW_CHARACTERS_MAX
    ? row
    : `${row.slice(0, ROW_CHARACTERS_MAX)}… (${row.length} characters)`;
}
