import type { TestProject } from 'vitest/node';
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
  }
}

/**
 * Starts the local stack once for a test run, and stops it after. MILLRACE_INFRA chooses how;
 * MILLRACE_EXTERNAL_* names servers that run already.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const parsed = parseOptions('vitest', stackOptions, [], process.env);
  if (parsed.kind === 'help') throw new Error(parsed.text);
  const stack = await startStack(stackRequest(parsed.options, (line) => process.stderr.write(`${line}\n`)));
  project.provide('kafkaBrokers', stack.kafkaBrokers);
  project.provide('registryUrl', stack.registryUrl);
  project.provide('sourceUrl', stack.sourceUrl);
  project.provide('targetUrl', stack.targetUrl);
  return async () => stack[Symbol.asyncDispose]();
}
