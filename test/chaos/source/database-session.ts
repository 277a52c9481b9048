import { Client } from 'pg';
import type { Clock } from '../../../infra/process/clock.ts';

const CONNECT_MAX_MS = 5_000;
const AGAIN_MS = 200;

/** A session of the scenario's own with the source database, opened again when it is lost. */
export interface DatabaseSession extends AsyncDisposable {
  /** Runs SQL, one statement or many, and gives the last one's rows as arrays of text. @throws whatever `pg` throws */
  sql(text: string): Promise<(string | null)[][]>;
}

export function databaseSession(url: string): DatabaseSession {
  let client: Client | null = null;
  const open = async (): Promise<Client> => {
    const opened = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_MAX_MS });
    // A server that goes away tells it by this event too; the next query tells it again.
    opened.on('error', () => {
      if (client === opened) client = null;
    });
    await opened.connect();
    return opened;
  };
  return {
    async sql(text) {
      client ??= await open();
      const used = client;
      const types = { getTypeParser: () => String };
      try {
        const result = await used.query({ text, rowMode: 'array', types });
        const last = Array.isArray(result) ? (result as (typeof result)[]).at(-1) : result;
        return (last?.rows ?? []) as (string | null)[][];
      } catch (error) {
        // Without an SQLSTATE, or with one of a shutdown, the session is over.
        const code = error instanceof Error && 'code' in error ? String(error.code) : '';
        if (!/^[0-9A-Z]{5}$/.test(code) || /^(57P|08)/.test(code)) {
          client = null;
          await used.end().catch(() => undefined);
        }
        throw error;
      }
    },
    async [Symbol.asyncDispose]() {
      await client?.end();
    },
  };
}

/** Asks until there is an answer: the server may be down. */
export async function askUntilAnswered(
  session: DatabaseSession,
  clock: Clock,
  text: string,
  signal?: AbortSignal,
): Promise<(string | null)[][]> {
  for (;;) {
    try {
      return await session.sql(text);
    } catch (error) {
      if (signal?.aborted === true) throw error;
      await clock.sleep(AGAIN_MS, signal);
    }
  }
}
