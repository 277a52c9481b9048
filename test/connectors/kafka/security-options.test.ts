import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { kafkaSecurity } from '../../../connectors/kafka/configured-security.ts';
import { KAFKA_SECURITY_OPTIONS } from '../../../connectors/kafka/security-options.ts';
import type { SecurityOptions } from '../../../connectors/kafka/security.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import { makeAuthority, makeClientCertificate } from '../../support/certificates.ts';
import type { CertificateAndKey } from '../../support/certificates.ts';

const folder = mkdtempSync(join(tmpdir(), 'security-options-'));
const file = (name: string): string => join(folder, name);

let authority: CertificateAndKey;
let client: CertificateAndKey;

beforeAll(async () => {
  authority = await makeAuthority('authority');
  client = await makeClientCertificate(authority, 'alice', 'secret-of-key');
  const other = await makeClientCertificate(authority, 'bob');
  writeFileSync(file('ca.pem'), authority.certificate);
  writeFileSync(file('client.pem'), client.certificate);
  writeFileSync(file('client.key'), client.key);
  writeFileSync(file('other.key'), other.key);
  writeFileSync(file('nonsense.pem'), 'nonsense');
  writeFileSync(file('password'), 'from-a-file\n');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** What a role is given for `KAFKA_..` variables, named without that. */
function configured(settings: Readonly<Record<string, string>>): SecurityOptions {
  const env = Object.fromEntries(Object.entries(settings).map(([name, value]) => [`KAFKA_${name}`, value]));
  const parsed = parseOptions('role', KAFKA_SECURITY_OPTIONS, [], env);
  if (parsed.kind !== 'run') throw new Error('expected options');
  return kafkaSecurity(parsed.options);
}

function problemsOf(settings: Readonly<Record<string, string>>): string {
  try {
    configured(settings);
  } catch (error) {
    expect(error).toMatchObject({ code: 'config.invalid', order: 'stop' });
    return error instanceof Failure ? describe(error) : '';
  }
  throw new Error('nothing was refused');
}

const USER = { SASL_USERNAME: 'alice', SASL_PASSWORD: 's3cret' };
const OAUTH = {
  SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL: 'https://id.example.com/token',
  SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_ID: 'app',
  SASL_OAUTHBEARER_CLIENT_CREDENTIALS_CLIENT_SECRET: 's3cret',
};

test('without options brokers are talked to in plaintext', () => {
  expect(configured({})).toEqual({});
  expect(configured({ SECURITY_PROTOCOL: 'PLAINTEXT' })).toEqual({});
});

test('variables that are set but empty are not given', () => {
  expect(
    configured({ SECURITY_PROTOCOL: '', SASL_MECHANISM: '', SASL_USERNAME: '', SSL_CA_LOCATION: '' }),
  ).toEqual({});
});

test('a flag and a MILLRACE_ variable win over the conventional one', () => {
  const env = { KAFKA_SECURITY_PROTOCOL: 'SASL_SSL', MILLRACE_KAFKA_SECURITY_PROTOCOL: 'PLAINTEXT' };
  const parsed = parseOptions('role', KAFKA_SECURITY_OPTIONS, ['--kafka-security-protocol', 'ssl'], env);
  expect(parsed.kind === 'run' && parsed.options.kafkaSecurityProtocol).toBe('SSL');
  const fromEnv = parseOptions('role', KAFKA_SECURITY_OPTIONS, [], env);
  expect(fromEnv.kind === 'run' && fromEnv.options.kafkaSecurityProtocol).toBe('PLAINTEXT');
});

test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('%s takes user and password', (mechanism) => {
  const sasl = { mechanism, username: 'alice', password: 's3cret' };
  expect(configured({ SECURITY_PROTOCOL: 'SASL_PLAINTEXT', SASL_MECHANISM: mechanism, ...USER })).toEqual({
    sasl,
  });
  expect(
    configured({ SECURITY_PROTOCOL: 'sasl_ssl', SASL_MECHANISM: mechanism.toLowerCase(), ...USER }),
  ).toEqual({
    tls: { verifyHostname: true },
    sasl,
  });
});

test('a password may come from a file by either name of its variable', () => {
  const settings = { SECURITY_PROTOCOL: 'SASL_PLAINTEXT', SASL_MECHANISM: 'PLAIN', SASL_USERNAME: 'alice' };
  expect(configured({ ...settings, SASL_PASSWORD_FILE: file('password') })).toMatchObject({
    sasl: { password: 'from-a-file' },
  });
  const problem = problemsOf({ ...settings, SASL_PASSWORD_FILE: file('missing') });
  expect(problem).toContain('KAFKA_SASL_PASSWORD_FILE cannot be read');
});

test('OAUTHBEARER takes an endpoint, a client and a scope', () => {
  const settings = { SECURITY_PROTOCOL: 'SASL_SSL', SASL_MECHANISM: 'OAUTHBEARER', ...OAUTH };
  expect(configured({ ...settings, SASL_OAUTHBEARER_SCOPE: 'kafka' }).sasl).toEqual({
    mechanism: 'OAUTHBEARER',
    tokenEndpointUrl: 'https://id.example.com/token',
    clientId: 'app',
    clientSecret: 's3cret',
    scope: 'kafka',
  });
});

test('an encrypted key is read with its password', () => {
  expect(
    configured({
      SECURITY_PROTOCOL: 'SSL',
      SSL_CA_LOCATION: file('ca.pem'),
      SSL_CERTIFICATE_LOCATION: file('client.pem'),
      SSL_KEY_LOCATION: file('client.key'),
      SSL_KEY_PASSWORD: 'secret-of-key',
      SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: '',
    }),
  ).toEqual({
    tls: {
      ca: authority.certificate,
      certificate: client.certificate,
      key: client.key,
      keyPassword: 'secret-of-key',
      verifyHostname: false,
    },
  });
});

test('host names are verified unless that is turned off', () => {
  const verifies = (algorithm: string): unknown =>
    configured({ SECURITY_PROTOCOL: 'SSL', SSL_ENDPOINT_IDENTIFICATION_ALGORITHM: algorithm }).tls
      ?.verifyHostname;
  expect(['https', 'HTTPS', 'none', ''].map(verifies)).toEqual([true, true, false, false]);
});

test.each([
  [
    'SASL without a mechanism',
    { SECURITY_PROTOCOL: 'SASL_SSL', ...USER },
    '--kafka-sasl-mechanism',
    'is needed',
  ],
  ['a user without SASL', { ...USER }, '--kafka-sasl-username', 'SASL_SSL or SASL_PLAINTEXT is needed'],
  [
    'a mechanism with SSL',
    { SECURITY_PROTOCOL: 'SSL', SASL_MECHANISM: 'PLAIN' },
    '--kafka-sasl-mechanism',
    'SSL',
  ],
  [
    'a mechanism without a password',
    { SECURITY_PROTOCOL: 'SASL_SSL', SASL_MECHANISM: 'PLAIN', SASL_USERNAME: 'alice' },
    '--kafka-sasl-password (MILLRACE_KAFKA_SASL_PASSWORD)',
    'needed by PLAIN',
  ],
  [
    'a user with OAUTHBEARER',
    { SECURITY_PROTOCOL: 'SASL_SSL', SASL_MECHANISM: 'OAUTHBEARER', ...OAUTH, ...USER },
    '--kafka-sasl-username',
    'not used by OAUTHBEARER',
  ],
  [
    'OAUTHBEARER without a client',
    { SECURITY_PROTOCOL: 'SASL_SSL', SASL_MECHANISM: 'OAUTHBEARER' },
    '--kafka-sasl-oauthbearer-client-credentials-client-id',
    'needed by OAUTHBEARER',
  ],
  [
    'an authority without TLS',
    { SSL_CA_LOCATION: 'ca.pem' },
    '--kafka-ssl-ca-location',
    'SSL or SASL_SSL is needed',
  ],
] as const)('%s is refused, by the names of the options', (_, settings, option, problem) => {
  const text = problemsOf(settings);
  expect(text).toContain(option);
  expect(text).toContain(problem);
  expect(text).not.toContain('s3cret');
});

test('what cannot be used of certificates and keys is refused before anything is connected', () => {
  const ssl = { SECURITY_PROTOCOL: 'SSL' };
  const pair = { SSL_CERTIFICATE_LOCATION: file('client.pem'), SSL_KEY_LOCATION: file('client.key') };
  const text = (more: Readonly<Record<string, string>>): string => problemsOf({ ...ssl, ...more });
  expect(text({ SSL_CERTIFICATE_LOCATION: file('client.pem') })).toContain('a certificate needs its key');
  expect(text({ SSL_KEY_PASSWORD: 'x' })).toContain('there is no key without --kafka-ssl-key-location');
  expect(text({ SSL_CA_LOCATION: file('missing') })).toContain(
    `ENOENT: no such file or directory, open '${folder}`,
  );
  expect(text({ SSL_CA_LOCATION: file('nonsense.pem') })).toContain('is no PEM certificate');
  expect(text({ ...pair, SSL_KEY_PASSWORD: 'wrong' })).toContain('cannot be used together');
  expect(text({ ...pair, SSL_KEY_LOCATION: file('other.key') })).toContain('cannot be used together');
});

test('all problems are told at once', () => {
  const text = problemsOf({ ...USER, SSL_KEY_PASSWORD: 'x' });
  expect(text).toContain('--kafka-sasl-username');
  expect(text).toContain('--kafka-ssl-key-password');
});

test('a protocol or mechanism that does not exist is answered with those that do', () => {
  expect(problemsOf({ SECURITY_PROTOCOL: 'TLS' })).toContain('"SASL_SSL"');
  expect(problemsOf({ SECURITY_PROTOCOL: 'SASL_SSL', SASL_MECHANISM: 'GSSAPI' })).toContain('"OAUTHBEARER"');
});
