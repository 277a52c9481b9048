import { afterAll, beforeAll } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../../connectors/kafka/port.ts';
import type {
  OauthCredentials,
  PasswordCredentials,
  SecurityOptions,
} from '../../../connectors/kafka/security.ts';
import { LOCALHOST } from '../../../infra/local/free-ports.ts';
import { startSecureKafka } from '../../../infra/local/secure-kafka.ts';
import type { SecureKafka } from '../../../infra/local/secure-kafka.ts';
import { stackOptions } from '../../../infra/local/stack-options.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type { Log } from '../../../infra/process/log.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import { makeAuthority, makeClientCertificate, makeServerCertificate } from '../../support/certificates.ts';
import type { CertificateAndKey } from '../../support/certificates.ts';
import { openTokenEndpoint } from '../../support/token-endpoint.ts';
import type { TokenEndpoint } from '../../support/token-endpoint.ts';
import { addScramUsers } from './scram-users.ts';

const START_MAX_MS = 300_000;

/** Neither is to be found in any message. */
export const PASSWORD = 'pa55-of-alice';
export const CLIENT_SECRET = 's3cret-of-app';
export const KEY_PASSWORD = 'pa55-of-the-key';

export const MECHANISMS = ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512', 'OAUTHBEARER'] as const;
export type Mechanism = (typeof MECHANISMS)[number];

/** A broker with a listener for every security protocol, and what its clients need. */
export interface SecurePlace {
  readonly kafka: SecureKafka;
  readonly tokens: TokenEndpoint;
  /** Has signed the certificates of the broker and of `client`. */
  readonly authority: CertificateAndKey;
  readonly stranger: CertificateAndKey;
  /** Its key is encrypted. */
  readonly client: CertificateAndKey;
  /** Credentials of a client that the broker takes. */
  readonly login: (mechanism: Mechanism) => PasswordCredentials | OauthCredentials;
}

/**
 * To be called once, at the top of a test file.
 * @param usesAcls whether ACLs say what clients that log in may do; else all of them may do everything
 * @returns the place, from the first test on
 */
export function useSecureKafka({ usesAcls = false } = {}): () => SecurePlace {
  const cleanUp = new AsyncDisposableStack();
  let place: SecurePlace | undefined;
  beforeAll(async () => {
    place = await makePlace(cleanUp, usesAcls);
  }, START_MAX_MS);
  afterAll(() => cleanUp.disposeAsync());
  return () => {
    if (place === undefined) throw new Error('the broker is there only while tests run');
    return place;
  };
}

async function makePlace(cleanUp: AsyncDisposableStack, usesAcls: boolean): Promise<SecurePlace> {
  const authority = await makeAuthority('test authority');
  const stranger = await makeAuthority('another authority');
  const client = await makeClientCertificate(authority, 'alice', KEY_PASSWORD);
  const server = await makeServerCertificate(authority, LOCALHOST);
  const tokens = cleanUp.use(await openTokenEndpoint({ id: 'app', secret: CLIENT_SECRET }));
  const kafka = cleanUp.use(
    await startSecureKafka(
      { provider: wantedProvider(), onProgress: (line) => process.stderr.write(`${line}\n`) },
      { ...server, ca: authority.certificate, plainUsers: { alice: PASSWORD }, usesAcls },
    ),
  );
  const user = { username: 'alice', password: PASSWORD };
  await addScramUsers(kafka.brokers.plaintext, [
    { ...user, mechanism: 'SCRAM-SHA-256' },
    { ...user, mechanism: 'SCRAM-SHA-512' },
  ]);
  const login: SecurePlace['login'] = (mechanism) =>
    mechanism === 'OAUTHBEARER'
      ? {
          mechanism,
          tokenEndpointUrl: tokens.url,
          clientId: 'app',
          clientSecret: CLIENT_SECRET,
          scope: 'kafka',
        }
      : { mechanism, ...user };
  await untilKnown(kafka.brokers.saslSsl, {
    tls: { ca: authority.certificate },
    sasl: login('SCRAM-SHA-512'),
  });
  return { kafka, tokens, authority, stranger, client, login };
}

function wantedProvider(): 'auto' | 'processes' | 'containers' {
  const parsed = parseOptions('vitest', { infra: stackOptions.infra }, [], process.env);
  const wanted = parsed.kind === 'help' ? 'auto' : parsed.options.infra;
  return wanted === 'external' ? 'auto' : wanted;
}

/** Users reach the broker some moments after the controller has them. */
async function untilKnown(broker: string, security: SecurityOptions): Promise<void> {
  for (;;)
    try {
      await using _ = await connectSecurely(broker, security);
      return;
    } catch (error) {
      if (!(error instanceof Failure && error.code === 'kafka.authentication')) throw error;
    }
}

export interface ClientParts {
  readonly clock?: Clock;
  readonly log?: Log;
}

export const connectSecurely = (
  broker: string,
  security: SecurityOptions,
  { clock = systemClock, log = silentLog }: ClientParts = {},
): Promise<Kafka> => connectKafka({ brokers: [broker], clientId: 'secure-test', log, clock, security });

/** Retries without waiting, so that giving up takes no half minute. */
export const impatient: Clock = { ...systemClock, sleep: () => systemClock.sleep(1) };
