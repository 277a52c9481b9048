import { expect, test } from 'vitest';
import { connectFailure } from '../../../../connectors/postgres-source/wire/connect-failure.ts';

const ATTEMPT = { url: 'postgres://cdc:secret@db.example:5432/shop', replication: true };

const refusal = (code: string, message: string): Error => Object.assign(new Error(message), { code });

test.each([
  ['source.pooler', '08P01', 'unsupported startup parameter: options'],
  ['source.no_replication', '42501', 'permission denied to start WAL sender'],
  ['source.login_refused', '28000', 'no pg_hba.conf entry for replication connection'],
  ['source.login_refused', '28P01', 'password authentication failed for user "cdc"'],
  ['source.login_refused', '', 'SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string'],
  ['source.tls_untrusted', 'SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'],
  [
    'source.tls_untrusted',
    'ERR_TLS_CERT_ALTNAME_INVALID',
    "Hostname/IP does not match certificate's altnames",
  ],
  ['source.tls_unsupported', '', 'The server does not support SSL connections'],
  ['source.no_database', '3D000', 'database "shop" does not exist'],
])('S138 S139 %s is refused for good, by name and without the password', (code, sqlstate, message) => {
  const failure = connectFailure(refusal(sqlstate, message), ATTEMPT);
  expect(failure).toMatchObject({ code, order: 'stop', fix: expect.stringMatching(/\w/) });
  expect(`${failure?.message} ${failure?.fix}`).not.toContain('secret');
});

test('a server that is away or starting speaks for itself', () => {
  expect(connectFailure(refusal('ECONNREFUSED', 'connect ECONNREFUSED'), ATTEMPT)).toBeNull();
  expect(connectFailure(refusal('57P03', 'the database system is starting up'), ATTEMPT)).toBeNull();
});
