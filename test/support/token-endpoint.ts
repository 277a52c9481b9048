import { createServer } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';

/** An OAuth 2 token endpoint for client credentials that gives out JWTs without a signature, which Kafka's test validator takes. */
export interface TokenEndpoint extends AsyncDisposable {
  readonly url: string;
  /** How many tokens it has given out. */
  issued: number;
  /** Seconds that the next tokens are good for. */
  lifetimeSeconds: number;
  /** Answers this status without a token, until it is null. */
  failsWith: number | null;
  /** The forms that clients have sent. */
  readonly forms: URLSearchParams[];
  /** Given out instead of a JWT, until it is null. */
  token: string | null;
}

interface Client {
  readonly id: string;
  readonly secret: string;
}

export async function openTokenEndpoint(client: Client): Promise<TokenEndpoint> {
  const server = createServer((request, response) => {
    void read(request).then((form) => {
      const [status, answer] = answerTo(endpoint, client, request.headers.authorization ?? '', form);
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const endpoint: TokenEndpoint = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/oauth2/token`,
    issued: 0,
    lifetimeSeconds: 3_600,
    failsWith: null,
    forms: [],
    token: null,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
  return endpoint;
}

async function read(request: IncomingMessage): Promise<URLSearchParams> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return new URLSearchParams(Buffer.concat(parts).toString());
}

function answerTo(
  endpoint: TokenEndpoint,
  { id, secret }: Client,
  authorization: string,
  form: URLSearchParams,
): readonly [number, object] {
  endpoint.forms.push(form);
  if (endpoint.failsWith !== null) return [endpoint.failsWith, {}];
  const expected = `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
  if (authorization !== expected || form.get('grant_type') !== 'client_credentials')
    return [401, { error: 'invalid_client', error_description: 'who are you?' }];
  endpoint.issued++;
  const expires_in = endpoint.lifetimeSeconds;
  return [
    200,
    { access_token: endpoint.token ?? unsecuredJwt(id, expires_in), token_type: 'Bearer', expires_in },
  ];
}

function unsecuredJwt(subject: string, lifetimeSeconds: number): string {
  const now = Date.now() / 1_000;
  const parts = [{ alg: 'none' }, { sub: subject, iat: now, exp: now + lifetimeSeconds }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return `${parts.join('.')}.`;
}
