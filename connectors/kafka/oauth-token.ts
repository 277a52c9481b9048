import { z } from 'zod';
import type { Clock } from '../../infra/process/clock.ts';
import { Failure } from '../../infra/process/failure.ts';

/** Milliseconds for the token endpoint to answer. */
const TOKEN_MAX_MS = 10_000;
/** A token is used for this part of its life (the Java client's `sasl.login.refresh.window.factor`). */
const USED_PART_OF_LIFE = 0.8;

export interface ClientCredentials {
  readonly tokenEndpointUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scope?: string;
}

export interface TokenSource {
  /**
   * A token that is good for a while yet; asks the endpoint only when there is none.
   * @throws Failure `kafka.token_endpoint` (retry), `kafka.authentication` (stop) when the endpoint refuses the client
   */
  current(): Promise<string>;
  /** A broker has refused it: the next one is a new one. */
  forget(): void;
}

/** https://www.rfc-editor.org/rfc/rfc6749#section-5.1; the token as RFC 6750 spells it, since it is framed by control characters. */
const tokenAnswer = z.object({
  access_token: z.string().regex(/^[A-Za-z0-9._~+/-]+=*$/),
  /** Seconds. */
  expires_in: z.coerce.number().nonnegative().default(0),
});

const errorAnswer = z.object({ error: z.string(), error_description: z.string().optional() });

/**
 * Tokens by OAuth 2 client credentials: id and secret as they are in the Basic header, as the Java client sends them.
 * The endpoint's certificate is checked against what Node trusts (NODE_EXTRA_CA_CERTS adds to that).
 */
export function clientCredentialsToken(credentials: ClientCredentials, clock: Clock): TokenSource {
  let asked: Promise<string> | null = null;
  let goodUntil = 0;
  const ask = async (): Promise<string> => {
    const askedAt = clock.now();
    const { access_token: token, expires_in: seconds } = await requestToken(credentials);
    goodUntil = askedAt + seconds * 1_000 * USED_PART_OF_LIFE;
    return token;
  };
  return {
    current() {
      if (asked !== null && clock.now() < goodUntil) return asked;
      goodUntil = Number.POSITIVE_INFINITY; // callers meanwhile share the answer
      const asking = ask();
      asked = asking;
      asking.catch(() => {
        if (asked === asking) asked = null;
      });
      return asking;
    },
    forget: () => {
      asked = null;
    },
  };
}

async function requestToken(credentials: ClientCredentials): Promise<z.output<typeof tokenAnswer>> {
  const { tokenEndpointUrl, clientId, clientSecret, scope } = credentials;
  const endpoint = nameOf(tokenEndpointUrl);
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.set('scope', scope);
  let status: number;
  let body: unknown;
  try {
    const answer = await fetch(tokenEndpointUrl, {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
        accept: 'application/json',
      },
      body: form,
      redirect: 'error',
      signal: AbortSignal.timeout(TOKEN_MAX_MS),
    });
    status = answer.status;
    body = parseJson(await answer.text());
  } catch (error) {
    throw new Failure('kafka.token_endpoint', 'retry', `token endpoint ${endpoint} does not answer`, {
      cause: error,
      fix: 'see that --kafka-sasl-oauthbearer-token-endpoint-url is right and can be reached from here',
    });
  }
  const token = tokenAnswer.safeParse(body);
  if (status === 200 && token.success) return token.data;
  throw refusal(endpoint, clientId, status, body);
}

/** The answer itself may hold a token, so only the fields of an error are told. */
function refusal(endpoint: string, clientId: string, status: number, body: unknown): Failure {
  const told = errorAnswer.safeParse(body);
  const reason = told.success ? `: ${told.data.error} ${told.data.error_description ?? ''}`.trimEnd() : '';
  const passes = status >= 500 || status === 408 || status === 429;
  if (passes)
    return new Failure(
      'kafka.token_endpoint',
      'retry',
      `token endpoint ${endpoint} answered ${status}${reason}`,
    );
  const what =
    status === 200 ? `answered client ${clientId} with no bearer token` : `refused client ${clientId}`;
  return new Failure(
    'kafka.authentication',
    'stop',
    `token endpoint ${endpoint} ${what} (HTTP ${status}${reason})`,
    {
      fix: 'see client id, client secret and scope (--kafka-sasl-oauthbearer-..) against the identity provider',
    },
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Without what a URL may hold of credentials. */
function nameOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
