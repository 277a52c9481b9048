import type { PostgresRelay } from '../../connectors/postgres-source/postgres-relay.ts';

/** As a simple query message and as CommandComplete: tag, length, the text and its final zero. */
const BEGIN = Buffer.from('Q\u0000\u0000\u0000\u000aBEGIN\u0000', 'latin1');
const COMMIT = Buffer.from('Q\u0000\u0000\u0000\u000bCOMMIT\u0000', 'latin1');
const COMMITTED = Buffer.from('C\u0000\u0000\u0000\u000bCOMMIT\u0000', 'latin1');

/** Where a transaction is: the server has no BEGIN yet, has no COMMIT yet, or has done it and not answered yet. */
export type Moment = 'before BEGIN' | 'before COMMIT' | 'after COMMIT';

/**
 * Waits for the next transaction on a line to come to a moment, and breaks the line there.
 * @param strike called in the moment itself; what goes by then is let through when it returns true, and else is lost
 * @returns whether one came to it before the signal aborted
 */
export function breakAt(
  relay: PostgresRelay,
  moment: Moment,
  strike: () => boolean,
  signal: AbortSignal,
): Promise<boolean> {
  return new Promise((resolve) => {
    const end = (isMet: boolean): void => {
      signal.removeEventListener('abort', giveUp);
      relay.filterClient = (chunk) => chunk;
      relay.filterServer = (chunk) => chunk;
      resolve(isMet);
    };
    const giveUp = (): void => end(false);
    const hit = (chunk: Buffer): Buffer | null => {
      end(true);
      return strike() ? chunk : null;
    };
    if (signal.aborted) return resolve(false);
    signal.addEventListener('abort', giveUp, { once: true });
    relay.filterClient = (chunk) => {
      if (!chunk.includes(moment === 'before BEGIN' ? BEGIN : COMMIT)) return chunk;
      if (moment !== 'after COMMIT') return hit(chunk);
      relay.filterServer = (answer) => (answer.includes(COMMITTED) ? hit(answer) : answer);
      return chunk;
    };
  });
}
