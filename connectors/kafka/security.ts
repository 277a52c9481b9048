import { type SecureContext, createSecureContext } from 'node:tls';
import type { Clock } from '../../infra/process/clock.ts';
import { clientCredentialsToken } from './oauth-token.ts';
import type { ClientCredentials, TokenSource } from './oauth-token.ts';
import type { ScramMechanism } from './scram.ts';

/** Certificates and keys are PEM texts. */
export interface TlsOptions {
  /** Authorities that brokers' certificates may be signed by. Default: those that Node trusts. */
  readonly ca?: string;
  /** This client's certificate, followed by the intermediate ones; for brokers that ask for one. */
  readonly certificate?: string;
  readonly key?: string;
  readonly keyPassword?: string;
  /** False takes a broker's certificate whatever host it names. Default true. */
  readonly verifyHostname?: boolean;
}

export interface PasswordCredentials {
  readonly mechanism: 'PLAIN' | ScramMechanism;
  readonly username: string;
  readonly password: string;
}

/** OAuth 2 client credentials (KIP-768). */
export interface OauthCredentials extends ClientCredentials {
  readonly mechanism: 'OAUTHBEARER';
}

/** How brokers are talked to. Neither: PLAINTEXT; both: SASL_SSL. */
export interface SecurityOptions {
  readonly tls?: TlsOptions;
  readonly sasl?: PasswordCredentials | OauthCredentials;
}

export type Login = PasswordCredentials | OauthLogin;

interface OauthLogin {
  readonly mechanism: 'OAUTHBEARER';
  readonly clientId: string;
  readonly token: TokenSource;
}

/** What all connections of a client share: parsed certificates, and a token until it ends. */
export interface Security {
  readonly tls: { readonly context: SecureContext; readonly verifyHostname: boolean } | null;
  readonly login: Login | null;
  /** Who this client is to ACLs, as brokers have it by default. Null: only they know, by a certificate or token. */
  readonly principal: string | null;
}

const ANONYMOUS = 'User:ANONYMOUS';

export const PLAINTEXT: Security = { tls: null, login: null, principal: ANONYMOUS };

/** @throws Error of OpenSSL when a certificate or key cannot be read, or they do not belong together */
export function openSecurity(options: SecurityOptions, clock: Clock): Security {
  const { tls, sasl } = options;
  return {
    tls:
      tls === undefined ? null : { context: secureContext(tls), verifyHostname: tls.verifyHostname ?? true },
    login: sasl === undefined ? null : loginOf(sasl, clock),
    principal: principalOf(options),
  };
}

function principalOf({ tls, sasl }: SecurityOptions): string | null {
  if (sasl !== undefined) return sasl.mechanism === 'OAUTHBEARER' ? null : `User:${sasl.username}`;
  return tls?.certificate === undefined ? ANONYMOUS : null;
}

/** @throws Error of OpenSSL when a certificate or key cannot be read, or they do not belong together */
export function secureContext({ ca, certificate, key, keyPassword }: TlsOptions): SecureContext {
  return createSecureContext({ ca, cert: certificate, key, passphrase: keyPassword });
}

function loginOf(sasl: PasswordCredentials | OauthCredentials, clock: Clock): Login {
  if (sasl.mechanism !== 'OAUTHBEARER') return sasl;
  const { mechanism, clientId } = sasl;
  return { mechanism, clientId, token: clientCredentialsToken(sasl, clock) };
}
