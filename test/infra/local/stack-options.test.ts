import { expect, test } from 'vitest';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import type { StackRequest } from '../../../infra/local/stack.ts';

function requestOf(env: Record<string, string>): StackRequest {
  const parsed = parseOptions('test', stackOptions, [], env);
  if (parsed.kind === 'help') throw new Error(parsed.text);
  return stackRequest(parsed.options, () => undefined);
}

test('without options the machine decides', () => {
  expect(requestOf({})).toMatchObject({ provider: 'auto' });
});

test('all four URLs together make a request for external servers', () => {
  const request = requestOf({
    MILLRACE_EXTERNAL_KAFKA_BROKERS: 'b:9092',
    MILLRACE_EXTERNAL_REGISTRY_URL: 'http://r:8081',
    MILLRACE_EXTERNAL_SOURCE_URL: 'postgresql://s',
    MILLRACE_EXTERNAL_TARGET_URL: 'postgresql://t',
  });
  expect(request.external).toEqual({
    kafkaBrokers: 'b:9092',
    registryUrl: 'http://r:8081',
    sourceUrl: 'postgresql://s',
    targetUrl: 'postgresql://t',
  });
});

test('some of the URLs are refused', () => {
  expect(() => requestOf({ MILLRACE_EXTERNAL_KAFKA_BROKERS: 'b:9092' })).toThrow(
    'only some of the external servers',
  );
});

test('an unknown way is refused', () => {
  expect(() => requestOf({ MILLRACE_INFRA: 'magic' })).toThrow(/MILLRACE_INFRA/);
});
