import { z } from 'zod';
import type { Clock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type Lsn, parseLsn } from '../place/lsn.ts';

const ASK_INTERVAL_MS = 1_000;
const ANSWER_TIMEOUT_MS = 5_000;
/** A source that is started again is waited for. */
const ABSENT_MAX_MS = 60_000;

const answer = z.object({
  publishedLsn: z.string().transform(parseLsn),
  copies: z.array(
    z.object({
      table: z.string(),
      state: z.enum(['copying', 'paused', 'failing']),
      rows: z.number(),
      percent: z.number().nullable(),
      rowsPerSecond: z.number(),
      secondsLeft: z.number().nullable(),
      reason: z.string().nullable(),
    }),
  ),
});

type Answer = z.output<typeof answer>;
export type CopyProgress = Answer['copies'][number];

/** One line for a person: rows, percent, rate and time left, as far as they are known. */
export function progressText(copy: CopyProgress): string {
  const parts = [`${copy.table}: ${copy.state}`, `${copy.rows} rows`];
  if (copy.percent !== null) parts.push(`${copy.percent} %`);
  if (copy.state === 'copying') parts.push(`${copy.rowsPerSecond} rows/s`);
  if (copy.secondsLeft !== null) parts.push(`${copy.secondsLeft} s left`);
  if (copy.reason !== null) parts.push(copy.reason);
  return parts.join(', ');
}

/** What the source says of its copies. @throws Failure `source.unreachable` */
export async function askCopies(sourceUrl: string): Promise<Answer> {
  try {
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const response = await fetch(new URL('/copies', sourceUrl), { signal });
    return answer.parse(await response.json());
  } catch (error) {
    throw new Failure('source.unreachable', 'retry', `no source tells its copies at ${sourceUrl}`, {
      cause: error,
      fix: "give the address of the source's HTTP port with --source-url",
    });
  }
}

/**
 * Tells how the copy of a table goes until it is done. A copy is done when the source has published all up to `asked`,
 * which is behind the request, and has none open for the table.
 * @throws Failure `source.unreachable` when no source has answered for a minute
 */
export async function followCopy(
  sourceUrl: string,
  table: string,
  asked: Lsn,
  clock: Clock,
  say: (line: string) => void,
): Promise<void> {
  let heardMs = clock.now();
  for (let said = ''; ; await clock.sleep(ASK_INTERVAL_MS)) {
    try {
      const { publishedLsn, copies } = await askCopies(sourceUrl);
      heardMs = clock.now();
      const copy = copies.find((other) => other.table === table);
      if (copy === undefined && publishedLsn >= asked) return;
      const line =
        copy === undefined ? `${table}: the source has not come to the request` : progressText(copy);
      if (line !== said) say(line);
      said = line;
    } catch (error) {
      if (clock.now() - heardMs > ABSENT_MAX_MS) throw error;
    }
  }
}
