import { once } from 'node:events';
import { describe } from '../process/failure.ts';
import { createLog } from '../process/log.ts';
import { runUntilSignal } from '../process/lifecycle.ts';
import { parseOptions } from '../process/options.ts';
import { stackOptions, stackRequest } from './stack-options.ts';
import { startStack } from './start-stack.ts';

/** Starts the local stack, prints its URLs as one line of JSON, and stops it on SIGINT or SIGTERM. */
async function main(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  const parsed = parseOptions('node infra/local/up.ts', stackOptions, argv, env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return;
  }
  const request = stackRequest(parsed.options, (line) => process.stderr.write(`${line}\n`));
  await runUntilSignal(createLog('warn', 'local'), async (signal) => {
    await using stack = await startStack(request);
    process.stdout.write(`${JSON.stringify(stack)}\n`);
    // The servers do not keep this process alive.
    const alive = setInterval(() => undefined, 2 ** 30);
    if (!signal.aborted) await once(signal, 'abort');
    clearInterval(alive);
  });
}

main(process.argv.slice(2), process.env).catch((error: unknown) => {
  process.stderr.write(`${describe(error)}\n`);
  process.exitCode = 2;
});
