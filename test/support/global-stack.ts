import type { TestProject } from 'vitest/node';
import { Client } from 'pg';
import { parseOptions } from '../../infra/process/options.ts';
import { stackOptions, stackRequest } from '../../infra/local/stack-options.ts';
import { startStack } from '../../infra/local/start-stack.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** `host:port`, comma-separated. */
    kafkaBrokers: string;
    /** Confluent-compatible base URL. */
    registryUrl: string;
    /** Superuser's URL of the database `postgres`, on a server with wal_level=logical. */
    sourceUrl: string;
    /** The same for the targets; may be the same server. */
    targetUrl: string;
    /** Major version of the server at `sourceUrl`; a server that a test starts for itself is of the same one. */
    sourceMajor: number;
  }
}

/**
 * Starts the local stack once for a test run, whatever projects need it, and stops it after. MILLRACE_INFRA chooses how;
 * MILLRACE_EXTERNAL_* names servers that run already.
 */
export async function setup({ vitest }: TestProject): Promise<(() => Promise<void>) | undefined> {
  if (vitest.getProvidedContext().kafkaBrokers !== undefined) return undefined;
  const parsed = parseOptions('vitest', stackOptions, [], process.env);
  if (parsed.kind === 'help') throw new Error(parsed.text);
  const stack = await startStack(stackRequest(parsed.options, (line) => process.stderr.write(`${line}\n`)));
  vitest.provide('kafkaBrokers', stack.kafkaBrokers);
  vitest.provide('registryUrl', stack.registryUrl);
  vitest.provide('sourceUrl', stack.sourceUrl);
  vitest.provide('targetUrl', stack.targetUrl);
  vitest.provide('sourceMajor', await majorOf(stack.sourceUrl));
  return async () => stack[Symbol.asyncDispose]();
}

async function majorOf(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ version: string }>(
      `SELECT current_setting('server_version_num') AS version`,
    );
    return Math.floor(Number(rows[0]?.version) / 10_000);
  } finally {
    await client.end();
  }
}
