import { afterEach, beforeEach, expect, test } from 'vitest';
import { clientCredentialsToken } from '../../../connectors/kafka/oauth-token.ts';
import type { TokenSource } from '../../../connectors/kafka/oauth-token.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { openTokenEndpoint } from '../../support/token-endpoint.ts';
import type { TokenEndpoint } from '../../support/token-endpoint.ts';

let endpoint: TokenEndpoint;
let nowMs = 0;

beforeEach(async () => {
  endpoint = await openTokenEndpoint({ id: 'app', secret: 's3cret' });
  nowMs = 1_000_000;
});
afterEach(() => endpoint[Symbol.asyncDispose]());

const source = (
  more: { clientSecret?: string; scope?: string; tokenEndpointUrl?: string } = {},
): TokenSource =>
  clientCredentialsToken(
    { tokenEndpointUrl: endpoint.url, clientId: 'app', clientSecret: 's3cret', ...more },
    { ...systemClock, now: () => nowMs },
  );

test('the client tells the grant type and, if any, the scope', async () => {
  await source({ scope: 'read write' }).current();
  await source().current();
  expect(endpoint.forms.map(String)).toEqual([
    'grant_type=client_credentials&scope=read+write',
    'grant_type=client_credentials',
  ]);
});

test('a token is used for four fifths of its life', async () => {
  endpoint.lifetimeSeconds = 100;
  const tokens = source();
  const first = await tokens.current();
  nowMs += 79_000;
  expect(await tokens.current()).toBe(first);
  expect(endpoint.issued).toBe(1);
  nowMs += 1_000;
  await tokens.current();
  expect(endpoint.issued).toBe(2);
});

test('those who ask at the same time share one request', async () => {
  const tokens = source();
  const [a, b] = await Promise.all([tokens.current(), tokens.current()]);
  expect(a).toBe(b);
  expect(endpoint.issued).toBe(1);
});

test('a token that was refused is not used again', async () => {
  const tokens = source();
  await tokens.current();
  tokens.forget();
  await tokens.current();
  expect(endpoint.issued).toBe(2);
});

test('a failure is not kept', async () => {
  const tokens = source();
  endpoint.failsWith = 503;
  await expect(tokens.current()).rejects.toMatchObject({ code: 'kafka.token_endpoint', order: 'retry' });
  endpoint.failsWith = null;
  await tokens.current();
  expect(endpoint.issued).toBe(1);
});

test.each([408, 429, 500, 503])('an answer %i passes', async (status) => {
  endpoint.failsWith = status;
  await expect(source().current()).rejects.toMatchObject({ code: 'kafka.token_endpoint', order: 'retry' });
});

test('an endpoint that is not there is asked again, and its address is told without credentials', async () => {
  const url = endpoint.url.replace('://', '://someone:hidden@').replace(/:\d+\//, ':1/');
  const asking = source({ tokenEndpointUrl: url }).current();
  await expect(asking).rejects.toMatchObject({
    code: 'kafka.token_endpoint',
    order: 'retry',
    message: 'token endpoint http://127.0.0.1:1/oauth2/token does not answer',
  });
});

test('a client that is refused does not ask again', async () => {
  await expect(source({ clientSecret: 'wr0ng' }).current()).rejects.toMatchObject({
    code: 'kafka.authentication',
    order: 'stop',
    message: expect.stringMatching(/refused client app \(HTTP 401: invalid_client who are you\?\)$/),
  });
});

test('a token that would break out of its message is not taken', async () => {
  endpoint.token = 'a\u0001auth=other';
  await expect(source().current()).rejects.toMatchObject({ code: 'kafka.authentication', order: 'stop' });
});
