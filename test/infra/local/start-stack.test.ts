import { expect, test } from 'vitest';
import { processesProvider } from '../../../infra/local/processes-provider.ts';
import { chooseProvider } from '../../../infra/local/start-stack.ts';
import type { Provider, ProviderName, StackRequest } from '../../../infra/local/stack.ts';
import { bareMachine, scratchFolder } from './scratch.ts';

const request = (provider: StackRequest['provider']): StackRequest => ({
  provider,
  onProgress: () => undefined,
});

function offered(name: ProviderName, problem: string | null): Provider {
  return {
    name,
    unavailable: () => Promise.resolve(problem),
    start: () => Promise.reject(new Error('not started in this test')),
  };
}

const external = offered('external', null);
const URLS = {
  kafkaBrokers: 'b:1',
  registryUrl: 'http://r',
  sourceUrl: 'postgres://s',
  targetUrl: 'postgres://t',
};

test('external servers are joined when their URLs are given', async () => {
  const providers = [external, offered('processes', null), offered('containers', null)];
  const chosen = await chooseProvider({ ...request('auto'), external: URLS }, providers);
  expect(chosen.name).toBe('external');
});

test('processes go before containers', async () => {
  const providers = [external, offered('processes', null), offered('containers', null)];
  expect((await chooseProvider(request('auto'), providers)).name).toBe('processes');
});

test('containers are used where processes cannot run', async () => {
  const providers = [external, offered('processes', 'no Java'), offered('containers', null)];
  expect((await chooseProvider(request('auto'), providers)).name).toBe('containers');
});

test('the way that is asked for is not replaced by another one', async () => {
  const providers = [external, offered('processes', 'no Java'), offered('containers', null)];
  await expect(chooseProvider(request('processes'), providers)).rejects.toThrow('processes: no Java');
});

test('one error names both ways and what each needs', async () => {
  const providers = [external, offered('processes', 'no Java'), offered('containers', 'no engine')];
  await expect(chooseProvider(request('auto'), providers)).rejects.toMatchObject({
    code: 'local.unavailable',
    message: expect.stringMatching(/processes: no Java\n.*containers: no engine/),
    fix: expect.stringContaining('MILLRACE_EXTERNAL_'),
  });
});

test('a bare machine is told all that the processes need, at once', async () => {
  using folder = scratchFolder();
  const problem = await processesProvider(bareMachine(folder.path)).unavailable();
  expect(problem).toMatch(/no Java found/);
  expect(problem).toMatch(/Maven is missing and Kafka is not downloaded yet.*apt-get install maven/);
});

test('an explicit start on a bare machine says the same', async () => {
  using folder = scratchFolder();
  const start = processesProvider(bareMachine(folder.path)).start(request('processes'));
  await expect(start).rejects.toMatchObject({
    code: 'local.unavailable',
    message: expect.stringContaining('no Java'),
  });
});
