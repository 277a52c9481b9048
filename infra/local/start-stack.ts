import { Failure } from '../process/failure.ts';
import { containersProvider } from './containers-provider.ts';
import { externalProvider } from './external-provider.ts';
import { thisMachine } from './machine.ts';
import type { Machine } from './machine.ts';
import { processesProvider } from './processes-provider.ts';
import type { Provider, Stack, StackRequest } from './stack.ts';

/**
 * Starts the local stack, or joins servers that run already.
 * @throws Failure `local.unavailable` when the machine offers no way, naming what to install; see the providers for theirs
 */
export async function startStack(request: StackRequest, machine: Machine = thisMachine()): Promise<Stack> {
  const provider = await chooseProvider(request, [
    externalProvider(),
    processesProvider(machine),
    containersProvider(),
  ]);
  return provider.start(request);
}

/**
 * The one asked for; on `auto` external when there are URLs, else the first that the machine can offer.
 * @throws Failure `local.unavailable`
 */
export async function chooseProvider<P extends Pick<Provider, 'name' | 'unavailable'>>(
  request: Pick<StackRequest, 'provider' | 'external'>,
  providers: readonly P[],
): Promise<P> {
  const wanted =
    request.provider === 'auto' && request.external !== undefined ? 'external' : request.provider;
  const candidates = providers.filter(({ name }) =>
    wanted === 'auto' ? name !== 'external' : name === wanted,
  );
  const problems: string[] = [];
  for (const provider of candidates) {
    const problem = await provider.unavailable();
    if (problem === null) return provider;
    problems.push(`${provider.name}: ${problem}`);
  }
  throw new Failure(
    'local.unavailable',
    'stop',
    `no way to run the servers here:\n  ${problems.join('\n  ')}`,
    {
      fix: 'one of these ways is enough; or give the URLs of servers that run already (MILLRACE_EXTERNAL_*)',
    },
  );
}
