import { randomBytes } from 'node:crypto';
import { Failure } from '../../infra/process/failure.ts';
import type { ClientContext, WireRequest } from './connections.ts';
import { ERROR } from './error-code.ts';
import { authenticateScram } from './scram.ts';
import type { SaslExchange } from './scram.ts';
import type { Login } from './security.ts';
import { WireWriter } from './wire.ts';

/** Sends a request over the connection that is to be authenticated. */
export type Exchange = <T>(request: WireRequest<T>) => Promise<T>;

const NONCE_BYTES = 24;

/** The part of a session's lifetime after which it is renewed, like the Java client: 85 to 95 per cent. */
const RENEWED_AFTER = { least: 0.85, spread: 0.1 };

/** The client's answer to an error of the bearer token, which ends the exchange (RFC 7628 3.2.3). */
const KVSEP = '\u0001';

/**
 * The login of one connection. A broker with `connections.max.reauth.ms`, or a bearer token, bounds how long it is
 * good for (KIP-368): the connection then has to log in anew between two requests, or the broker closes it.
 */
export class SaslSession {
  readonly #context: Pick<ClientContext, 'clock' | 'random'>;
  readonly #login: Login;
  readonly #broker: string;
  #renewAtMs = 0;
  #renewing: Promise<void> | null = null;

  constructor(context: Pick<ClientContext, 'clock' | 'random'>, login: Login, broker: string) {
    this.#context = context;
    this.#login = login;
    this.#broker = broker;
  }

  /** True when a request may be sent right now. */
  isGood(): boolean {
    return this.#renewAtMs === Number.POSITIVE_INFINITY || this.#context.clock.now() < this.#renewAtMs;
  }

  /**
   * Logs in. Callers that come meanwhile wait for the same login: the broker takes no other request until it is done.
   * @throws Failure `kafka.authentication` (stop), `kafka.token_endpoint` (retry); else what `exchange` throws
   */
  renew(exchange: Exchange): Promise<void> {
    this.#renewing ??= this.#authenticate(exchange).finally(() => {
      this.#renewing = null;
    });
    return this.#renewing;
  }

  async #authenticate(exchange: Exchange): Promise<void> {
    const { clock, random } = this.#context;
    const startedAt = clock.now();
    const lifetimeMs = await authenticate(this.#login, this.#broker, exchange);
    this.#renewAtMs =
      lifetimeMs === 0
        ? Number.POSITIVE_INFINITY
        : startedAt + lifetimeMs * (RENEWED_AFTER.least + RENEWED_AFTER.spread * random());
  }
}

/** @returns the session's lifetime in milliseconds, 0 when it has no end */
async function authenticate(login: Login, broker: string, exchange: Exchange): Promise<number> {
  // Before the handshake: once it has begun, the broker waits for the credentials only so long.
  const token = login.mechanism === 'OAUTHBEARER' ? await login.token.current() : '';
  await shakeHands(login, broker, exchange);
  let lifetimeMs = 0;
  let lost: unknown = null;
  const send: SaslExchange = async (message) => {
    const answer = await exchange(saslAuthenticate(message)).catch((error: unknown) => {
      lost = error;
      throw error;
    });
    if (answer.errorCode !== ERROR.none)
      throw new Error(answer.errorMessage ?? `error code ${answer.errorCode}`);
    lifetimeMs = answer.sessionLifetimeMs;
    return answer.bytes;
  };
  try {
    await prove(login, token, send);
  } catch (error) {
    if (error === lost) throw error;
    if (login.mechanism === 'OAUTHBEARER') login.token.forget();
    throw refused(login, broker, error);
  }
  return lifetimeMs;
}

async function prove(login: Login, token: string, send: SaslExchange): Promise<void> {
  switch (login.mechanism) {
    case 'PLAIN':
      await send(Buffer.from(`\0${login.username}\0${login.password}`));
      return;
    case 'OAUTHBEARER': {
      const error = await send(Buffer.from(`n,,${KVSEP}auth=Bearer ${token}${KVSEP}${KVSEP}`));
      if (error.length === 0) return;
      // The broker counts this answer as an error only after ours, with the reason.
      await send(Buffer.from(KVSEP));
      throw new Error(error.toString());
    }
    case 'SCRAM-SHA-256':
    case 'SCRAM-SHA-512':
      return authenticateScram(login.mechanism, login, randomBytes(NONCE_BYTES).toString('base64url'), send);
  }
}

async function shakeHands(login: Login, broker: string, exchange: Exchange): Promise<void> {
  const { errorCode, enabledMechanisms } = await exchange(saslHandshake(login.mechanism));
  if (errorCode === ERROR.none) return;
  const enabled = enabledMechanisms.join(', ');
  const [problem, fix] =
    errorCode === ERROR.illegalSaslState
      ? [
          'has no SASL on this listener',
          'set --kafka-security-protocol to PLAINTEXT or SSL, or connect to a SASL listener',
        ]
      : [
          `does not take SASL mechanism ${login.mechanism}; enabled: ${enabled}`,
          `set --kafka-sasl-mechanism to one of ${enabled}`,
        ];
  throw new Failure('kafka.authentication', 'stop', `broker ${broker} ${problem}`, { fix });
}

function refused(login: Login, broker: string, cause: unknown): Failure {
  const { mechanism } = login;
  const who =
    login.mechanism === 'OAUTHBEARER' ? `the token of client ${login.clientId}` : `user ${login.username}`;
  const fix =
    mechanism === 'OAUTHBEARER'
      ? "see that the broker trusts the token's issuer, audience and scope"
      : `see user name and password (--kafka-sasl-username, --kafka-sasl-password), and that the broker has this user for ${mechanism}`;
  return new Failure('kafka.authentication', 'stop', `broker ${broker} refused ${who} by ${mechanism}`, {
    cause,
    fix,
  });
}

interface HandshakeAnswer {
  readonly errorCode: number;
  readonly enabledMechanisms: readonly string[];
}

/** SaslHandshake version 1: the messages of the mechanism follow in SaslAuthenticate requests. */
function saslHandshake(mechanism: string): WireRequest<HandshakeAnswer> {
  return {
    apiKey: 17,
    apiName: 'SaslHandshake',
    apiVersion: 1,
    flexible: false,
    body: [new WireWriter().string(mechanism).bytes()],
    decode: (reader) => ({
      errorCode: reader.int16(),
      enabledMechanisms: reader.array(() => reader.string() ?? ''),
    }),
  };
}

interface AuthenticateAnswer {
  readonly errorCode: number;
  readonly errorMessage: string | null;
  readonly bytes: Buffer;
  readonly sessionLifetimeMs: number;
}

/** SaslAuthenticate version 1, the first that tells the session's lifetime (KIP-368). */
function saslAuthenticate(message: Buffer): WireRequest<AuthenticateAnswer> {
  return {
    apiKey: 36,
    apiName: 'SaslAuthenticate',
    apiVersion: 1,
    flexible: false,
    body: [new WireWriter().blob(message).bytes()],
    decode: (reader) => ({
      errorCode: reader.int16(),
      errorMessage: reader.string(),
      bytes: reader.blob() ?? Buffer.alloc(0),
      sessionLifetimeMs: reader.int64(),
    }),
  };
}
