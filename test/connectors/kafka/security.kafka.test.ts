import { expect, test } from 'vitest';
import type { Kafka, TransactionalProducer } from '../../../connectors/kafka/port.ts';
import type { SecurityOptions } from '../../../connectors/kafka/security.ts';
import { SHORT_SESSION_MS } from '../../../infra/local/secure-kafka-settings.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type { Log } from '../../../infra/process/log.ts';
import { makeClientCertificate } from '../../support/certificates.ts';
import { ROLES, startSecureRole } from './secure-role.ts';
import { createTopic, joinAlone, readCommitted, take, text, textOf, unique } from './kafka-client.ts';
import {
  CLIENT_SECRET,
  KEY_PASSWORD,
  MECHANISMS,
  PASSWORD,
  connectSecurely,
  impatient,
  useSecureKafka,
} from './secure-kafka.ts';

const place = useSecureKafka();

const tls = (): { readonly ca: string } => ({ ca: place().authority.certificate });

/** Everything that a role does with Kafka: topics, a transaction with offsets, a group, a fetcher, lookups. */
async function useEverything(kafka: Kafka): Promise<void> {
  const topic = await createTopic(kafka, 2);
  const groupId = unique('group');
  const member = await joinAlone(kafka, groupId, topic);
  const producer = await kafka.openProducer(unique('tx'));
  producer.begin();
  await producer.send([text(topic, 0, 'a'), text(topic, 1, 'b')]);
  await producer.sendOffsets(member.metadata, [{ topic, partition: 0, offset: 1 }]);
  await producer.commit();
  expect(await kafka.committedOffsets(groupId, [{ topic, partition: 0 }])).toEqual([1]);
  const both = [0, 1].map((partition) => ({ topic, partition }));
  expect((await readCommitted(kafka, both)).map(textOf).toSorted()).toEqual(['a', 'b']);
  await producer[Symbol.asyncDispose]();
  await member[Symbol.asyncDispose]();
}

/** How connecting fails. */
async function refusal(broker: string, security: SecurityOptions): Promise<Failure> {
  const error: unknown = await connectSecurely(broker, security, { clock: impatient }).then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Failure)) throw new Error('the connection was not refused', { cause: error });
  for (const secret of [PASSWORD, CLIENT_SECRET, KEY_PASSWORD])
    expect(`${describe(error)} ${JSON.stringify(error)}`).not.toContain(secret);
  return error;
}

test.for(MECHANISMS)('a role works over SASL_SSL with %s', async (mechanism) => {
  const { kafka, login } = place();
  await using client = await connectSecurely(kafka.brokers.saslSsl, { tls: tls(), sasl: login(mechanism) });
  await useEverything(client);
});

test('a role works over SSL with a certificate of its own, whose key is encrypted', async () => {
  const { kafka, client } = place();
  const options = { tls: { ...tls(), ...client, keyPassword: KEY_PASSWORD } };
  await using connected = await connectSecurely(kafka.brokers.mutualTls, options);
  await useEverything(connected);
});

test.for(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] as const)(
  'a wrong password for %s is refused for good, and not told to anybody',
  async (mechanism) => {
    const broker = place().kafka.brokers.saslSsl;
    const sasl = { mechanism, username: 'alice', password: `${PASSWORD}!` };
    const error = await refusal(broker, { tls: tls(), sasl });
    expect(error).toMatchObject({ code: 'kafka.authentication', order: 'stop' });
    expect(error.message).toBe(`broker ${broker} refused user alice by ${mechanism}`);
    expect(error.fix).toContain('--kafka-sasl-password');
  },
);

test('a user that the broker does not know is refused for good', async () => {
  const sasl = { mechanism: 'SCRAM-SHA-256', username: 'mallory', password: PASSWORD } as const;
  expect(await refusal(place().kafka.brokers.saslSsl, { tls: tls(), sasl })).toMatchObject({
    code: 'kafka.authentication',
    order: 'stop',
  });
});

test('a mechanism that the listener does not have is answered with those that it has', async () => {
  const { kafka, login } = place();
  const error = await refusal(kafka.brokers.shortSession, { sasl: login('PLAIN') });
  expect(error).toMatchObject({ code: 'kafka.authentication', order: 'stop' });
  expect(error.message).toMatch(/does not take SASL mechanism PLAIN; enabled: .*SCRAM-SHA-256/);
  expect(error.message).toContain('OAUTHBEARER');
});

test('SASL on a listener without SASL is refused for good', async () => {
  const { kafka, login } = place();
  const error = await refusal(kafka.brokers.plaintext, { sasl: login('PLAIN') });
  expect(error).toMatchObject({ code: 'kafka.authentication', order: 'stop' });
  expect(error.message).toContain('has no SASL on this listener');
});

test('a listener that asks for SASL is suspected when it closes the connection', async () => {
  const error = await refusal(place().kafka.brokers.shortSession, {});
  expect(error).toMatchObject({ code: 'kafka.connection', order: 'retry' });
  expect(error.fix).toContain('asks for SASL');
});

test('plaintext on a TLS listener is refused for good', async () => {
  const { kafka, login } = place();
  const error = await refusal(kafka.brokers.saslSsl, { sasl: login('PLAIN') });
  expect(error).toMatchObject({ code: 'kafka.tls', order: 'stop' });
  expect(error.message).toContain('speaks TLS on this listener, this client does not');
});

test('a plaintext listener is suspected when it closes the connection in the TLS handshake', async () => {
  const error = await refusal(place().kafka.brokers.plaintext, { tls: tls() });
  expect(error).toMatchObject({ code: 'kafka.connection', order: 'retry' });
  expect(error.fix).toContain('speaks TLS');
});

test.for([
  ['of an authority that is not trusted here', true],
  ['of an authority that Node does not know', false],
] as const)('a broker with a certificate %s is refused', async ([, another]) => {
  const options = { tls: another ? { ca: place().stranger.certificate } : {} };
  const error = await refusal(place().kafka.brokers.saslSsl, options);
  expect(error).toMatchObject({ code: 'kafka.tls', order: 'stop' });
  expect(error.message).toContain('signed by an authority that is not trusted here');
  expect(error.fix).toContain('--kafka-ssl-ca-location');
});

test('a broker whose certificate names another host is refused, unless names are not looked at', async () => {
  const { kafka, login } = place();
  const byName = kafka.brokers.saslSsl.replace('127.0.0.1', 'localhost');
  const sasl = login('PLAIN');
  const error = await refusal(byName, { tls: tls(), sasl });
  expect(error).toMatchObject({ code: 'kafka.tls', order: 'stop' });
  expect(error.message).toContain('made out to another host');
  expect(describe(error)).toContain('altnames');
  await using client = await connectSecurely(byName, { tls: { ...tls(), verifyHostname: false }, sasl });
  await useEverything(client);
});

test('a client without a certificate is refused where the broker asks for one', async () => {
  const error = await refusal(place().kafka.brokers.mutualTls, { tls: tls() });
  expect(error).toMatchObject({ code: 'kafka.tls', order: 'stop' });
  expect(error.fix).toContain('--kafka-ssl-certificate-location');
});

test('a client with a certificate of an authority that the broker does not trust is refused', async () => {
  const { kafka, stranger } = place();
  const options = { tls: { ...tls(), ...(await makeClientCertificate(stranger, 'mallory')) } };
  const error = await refusal(kafka.brokers.mutualTls, options);
  expect(error).toMatchObject({ code: 'kafka.tls', order: 'stop' });
  expect(error.fix).toContain('--kafka-ssl-certificate-location');
});

test('a client that the token endpoint does not know is refused for good', async () => {
  const { kafka, login, tokens } = place();
  const sasl = { ...login('OAUTHBEARER'), clientSecret: `${CLIENT_SECRET}!` } as SecurityOptions['sasl'] & {};
  const error = await refusal(kafka.brokers.saslSsl, { tls: tls(), sasl });
  expect(error).toMatchObject({ code: 'kafka.authentication', order: 'stop' });
  expect(error.message).toContain(`${tokens.url} refused client app (HTTP 401: invalid_client who are you?)`);
});

test('a token endpoint that is down for a while is asked again', async () => {
  const { kafka, login, tokens } = place();
  const asked = tokens.forms.length;
  tokens.failsWith = 503;
  const recovering = {
    ...impatient,
    sleep: () => {
      if (tokens.forms.length > asked + 2) tokens.failsWith = null;
      return impatient.sleep(1);
    },
  };
  const security = { tls: tls(), sasl: login('OAUTHBEARER') };
  await using client = await connectSecurely(kafka.brokers.saslSsl, security, { clock: recovering });
  await useEverything(client);
  expect(tokens.forms.at(-1)?.get('scope')).toBe('kafka');
});

test('a token that the broker does not take is refused for good', async () => {
  const { kafka, login, tokens } = place();
  tokens.token = 'not.a.token';
  try {
    const error = await refusal(kafka.brokers.saslSsl, { tls: tls(), sasl: login('OAUTHBEARER') });
    expect(error).toMatchObject({ code: 'kafka.authentication', order: 'stop' });
    expect(error.message).toContain('refused the token of client app by OAUTHBEARER');
    expect(describe(error)).toContain('invalid_token');
  } finally {
    tokens.token = null;
  }
});

test('all connections of a client share a token', async () => {
  const { kafka, login, tokens } = place();
  const before = tokens.issued;
  const security = { tls: tls(), sasl: login('OAUTHBEARER') };
  await using client = await connectSecurely(kafka.brokers.saslSsl, security);
  await useEverything(client);
  expect(tokens.issued - before).toBe(1);
});

/** Notes what had to be tried again. */
function retriesOf(into: string[]): Log {
  const log: Log = {
    ...silentLog,
    debug: (fields, message) => {
      if (message === 'trying again' && 'err' in fields) into.push(describe(fields.err));
    },
    child: () => log,
  };
  return log;
}

async function transact(producer: TransactionalProducer, topic: string, value: string): Promise<void> {
  producer.begin();
  await producer.send([text(topic, 0, value)]);
  await producer.commit();
}

test.for(['SCRAM-SHA-256', 'OAUTHBEARER'] as const)(
  'connections with %s log in anew before their session ends, and nothing has to be tried again',
  async (mechanism) => {
    const { kafka, login, tokens } = place();
    tokens.lifetimeSeconds = SHORT_SESSION_MS / 1_000;
    const issued = tokens.issued;
    const retries: string[] = [];
    const security = { sasl: login(mechanism) };
    try {
      await using client = await connectSecurely(kafka.brokers.shortSession, security, {
        log: retriesOf(retries),
      });
      const topic = await createTopic(client, 1);
      await using member = await joinAlone(client, unique('group'), topic);
      await using producer = await client.openProducer(unique('tx'));
      await using fetcher = client.openFetcher();
      fetcher.assign([{ topic, partition: 0, offset: 0 }]);
      retries.length = 0;
      const until = Date.now() + 2.5 * SHORT_SESSION_MS;
      for (let count = 0; Date.now() < until; count++) {
        await transact(producer, topic, String(count));
        expect((await take(fetcher, 1)).map(textOf)).toEqual([String(count)]);
        await member.checkpoint();
      }
      expect(retries.filter((reason) => reason.includes('got no answer'))).toEqual([]);
      if (mechanism === 'OAUTHBEARER') expect(tokens.issued - issued).toBeGreaterThanOrEqual(3);
    } finally {
      tokens.lifetimeSeconds = 3_600;
    }
  },
);

test('a connection that was idle for longer than its session logs in once for all who then use it', async () => {
  const { kafka, login } = place();
  const retries: string[] = [];
  const security = { sasl: login('SCRAM-SHA-256') };
  await using idle = await connectSecurely(kafka.brokers.shortSession, security, { log: retriesOf(retries) });
  await using busy = await connectSecurely(kafka.brokers.plaintext, {});
  const partition = { topic: await createTopic(busy, 1), partition: 0 };
  expect(await idle.listOffsets([partition], 'earliest')).toEqual([0]);
  for (const until = Date.now() + 1.2 * SHORT_SESSION_MS; Date.now() < until;)
    await busy.listOffsets([partition], 'earliest');
  retries.length = 0;
  const asked = Array.from({ length: 10 }, () => idle.listOffsets([partition], 'earliest'));
  expect(await Promise.all(asked)).toEqual(asked.map(() => [0]));
  expect(retries).toEqual([]);
});

test('after a restart of the broker every connection logs in again', async () => {
  const { kafka, login } = place();
  const security = { tls: tls(), sasl: login('SCRAM-SHA-512') };
  await using client = await connectSecurely(kafka.brokers.saslSsl, security);
  const topic = await createTopic(client, 1);
  await using member = await joinAlone(client, unique('group'), topic);
  await using producer = await client.openProducer(unique('tx'));
  await using fetcher = client.openFetcher();
  fetcher.assign([{ topic, partition: 0, offset: 0 }]);
  await transact(producer, topic, 'before');
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['before']);
  await kafka.restart();
  await transact(producer, topic, 'after');
  expect((await take(fetcher, 1)).map(textOf)).toEqual(['after']);
  await member.checkpoint();
});

test.for(ROLES)('%s stops when its password is wrong, and logs no password', async (main) => {
  await using role = await startSecureRole(main, place(), `${PASSWORD}!`);
  expect(await role.exited()).toBe(1);
  expect(role.log()).toContain('refused user alice by SCRAM-SHA-512');
  expect(role.log()).toContain('"code":"kafka.authentication"');
  expect(role.log()).not.toContain(PASSWORD);
});

test('a role runs on a password from a file', async () => {
  await using role = await startSecureRole('connectors/postgres-sink/main.ts', place(), PASSWORD);
  await role.hasLogged('waiting for the topics to exist');
  role.process.kill('SIGTERM');
  expect(await role.exited()).toBe(0);
  expect(role.log()).not.toContain(PASSWORD);
});
