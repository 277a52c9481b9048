import { argv, env, exit, stderr, stdout } from 'node:process';
import { z } from 'zod';
import { Failure, describe } from '../infra/process/failure.ts';
import { EXIT } from '../infra/process/lifecycle.ts';
import { type OptionSpecs, parseOptions } from '../infra/process/options.ts';
import { httpUrl } from '../infra/process/role-options.ts';
import { whyText } from './why-text.ts';

const COMMAND = 'node processors/why.ts KEY';

const OPTIONS = {
  processorUrl: {
    schema: httpUrl.default('http://127.0.0.1:8080'),
    help: "a processor's HTTP port; ask the one that has the key's task",
  },
} as const satisfies OptionSpecs;

const refusalSchema = z.object({ message: z.string(), fix: z.string().optional() });

/** Prints what a running processor has pending for a key, and until when. Exit code 1 when it does not answer. */
async function main(args: readonly string[]): Promise<void> {
  const named = args[0]?.startsWith('--') === false;
  const [key, rest] = named ? [args[0], args.slice(1)] : [undefined, args];
  const parsed = parseOptions(COMMAND, OPTIONS, rest, env);
  if (parsed.kind === 'help') {
    stdout.write(parsed.text);
    return;
  }
  if (key === undefined)
    throw new Failure('config.invalid', 'stop', 'no key is named', { fix: `usage: ${COMMAND}` });
  const url = new URL('/why', parsed.options.processorUrl);
  url.searchParams.set('key', key);
  stdout.write(whyText(await ask(url)));
}

async function ask(url: URL): Promise<unknown> {
  let reply: Response;
  try {
    reply = await fetch(url);
  } catch (error) {
    throw new Failure('why.unreachable', 'retry', `no processor answers at ${url.origin}`, {
      cause: error,
      fix: 'give its --http-port: --processor-url http://HOST:PORT',
    });
  }
  const body: unknown = await reply.json().catch(() => null);
  if (reply.ok) return body;
  const { success, data } = refusalSchema.safeParse(body);
  const message = success ? data.message : `${url.origin} answers with HTTP status ${reply.status}`;
  throw new Failure(
    'why.refused',
    'stop',
    message,
    success && data.fix !== undefined ? { fix: data.fix } : {},
  );
}

try {
  await main(argv.slice(2));
} catch (error) {
  stderr.write(`error: ${describe(error)}\n`);
  exit(error instanceof Failure && error.code === 'config.invalid' ? EXIT.config : EXIT.failed);
}
