import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { describe } from '../../../infra/process/failure.ts';
import {
  type CertificateAndKey,
  makeAuthority,
  makeClientCertificate,
  makeServerCertificate,
} from '../../support/certificates.ts';
import { type OwnPostgres, startOwnPostgres } from '../../support/own-postgres.ts';
import { KafkaView } from './cdc-topic.ts';
import { createSourceDatabase, type SourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';
import { STREAMING, acknowledged, told } from './streamed-tables.ts';

const START_MAX_MS = 60_000;
const PASSWORD = 'pässwörd/with@signs';
/** Many reads of the socket. */
const MANY_ROWS = 5_000;

/** The superuser of the tests comes in as always, everybody else by TLS, with SCRAM or a certificate. */
const HBA = `
host all postgres 127.0.0.1/32 trust
hostssl all +certified 127.0.0.1/32 cert
hostssl all all 127.0.0.1/32 scram-sha-256
`;

let server: OwnPostgres;
let folder: string;
let authority: CertificateAndKey;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'millrace-tls-'));
  authority = await makeAuthority('the right authority');
  await writeFile(file('ca.pem'), authority.certificate);
  await writeFile(file('other.pem'), (await makeAuthority('another authority')).certificate);
  server = await startOwnPostgres({ password_encryption: 'scram-sha-256' });
  const { certificate, key } = await makeServerCertificate(authority, '127.0.0.1');
  await server.write('server.crt', certificate);
  await server.write('server.key', key);
  await server.write('root.crt', authority.certificate);
  await server.write('pg_hba.conf', HBA);
  await server.sql('CREATE ROLE certified');
  await server.sql("ALTER SYSTEM SET ssl_ca_file = 'root.crt'");
  await server.sql('ALTER SYSTEM SET ssl = on');
  await server.sql('SELECT pg_reload_conf()');
  await server.until("SELECT current_setting('ssl') = 'on'");
}, START_MAX_MS);

afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const file = (name: string): string => join(folder, name);

interface Secured extends SourceDatabase {
  readonly topic: string;
  /** The URL of the source's role, with these parameters. */
  readonly urlWith: (
    parameters: Readonly<Record<string, string>>,
    password?: string,
    host?: string,
  ) => string;
}

async function withTable(): Promise<Secured> {
  const database = await createSourceDatabase('', server.url);
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
  const url = await database.grantSource(['public.t']);
  await database.sql(`ALTER ROLE "${database.name}" PASSWORD '${PASSWORD}'`);
  return {
    ...database,
    topic: `${database.name}.public.t`,
    urlWith(parameters, password = PASSWORD, host = '127.0.0.1') {
      const made = new URL(url);
      made.password = encodeURIComponent(password);
      made.hostname = host;
      for (const [name, value] of Object.entries(parameters)) made.searchParams.set(name, value);
      return made.href;
    },
  };
}

test.each([
  ['require', {}],
  ['verify-ca', { sslrootcert: 'ca.pem' }],
  ['verify-full', { sslrootcert: 'ca.pem' }],
])('S139 rows are read over TLS (sslmode %s), with a SCRAM password', async (sslmode, files) => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  await database.sql("INSERT INTO t VALUES (0, 'before')");
  const named = Object.fromEntries(Object.entries(files).map(([name, value]) => [name, file(value)]));
  await using source = startSource({ ...database, url: database.urlWith({ sslmode, ...named }) });
  await source.logged(STREAMING);
  await database.until(
    `SELECT bool_and(s.ssl) FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.usename = '${database.name}'`,
  );
  await database.sql("INSERT INTO t VALUES (1, 'after')");
  expect(told(await view.eventsOnce(database.topic, 2))).toEqual(['r 0 before', 'c 1 after']);
  expect(await source.end('SIGTERM')).toBe(0);
  expect(source.log()).not.toContain(PASSWORD);
});

test('S139 a large transaction comes through TLS whole', async () => {
  await using database = await withTable();
  await using view = await KafkaView.open();
  const url = database.urlWith({ sslmode: 'verify-full', sslrootcert: file('ca.pem') });
  await using source = startSource({ ...database, url });
  await source.logged(STREAMING);
  await database.sql(`INSERT INTO t SELECT g, repeat('x', 500) FROM generate_series(1, ${MANY_ROWS}) g`);
  await acknowledged(database);
  expect(await view.events(database.topic)).toHaveLength(MANY_ROWS);
});

test('S139 a client certificate logs in without a password', async () => {
  await using database = await withTable();
  const { certificate, key } = await makeClientCertificate(authority, database.name);
  await writeFile(file('client.pem'), certificate);
  await writeFile(file('client.key'), key);
  await database.sql(`GRANT certified TO "${database.name}"`);
  const files = { sslrootcert: file('ca.pem'), sslcert: file('client.pem'), sslkey: file('client.key') };
  await using source = startSource({
    ...database,
    url: database.urlWith({ sslmode: 'verify-full', ...files }, ''),
  });
  await source.logged(STREAMING);
});

test.each<[string, string, string, Readonly<Record<string, string>>, string?, string?]>([
  ['another authority', 'tls_untrusted', 'sslrootcert', { sslmode: 'verify-full', sslrootcert: 'other.pem' }],
  ['an authority that nobody knows', 'tls_untrusted', 'sslrootcert', { sslmode: 'verify-full' }],
  [
    'a certificate for another host',
    'tls_untrusted',
    'ALTNAME',
    { sslmode: 'verify-full', sslrootcert: 'ca.pem' },
    PASSWORD,
    'localhost',
  ],
  [
    'a file that is not there',
    'tls_file',
    'missing.pem',
    { sslmode: 'verify-full', sslrootcert: 'missing.pem' },
  ],
  ['a wrong password', 'login_refused', 'the password of role', { sslmode: 'require' }, 'wrong'],
  ['no password', 'login_refused', 'there is none', { sslmode: 'require' }, ''],
  ['no TLS', 'login_refused', 'sslmode=verify-full', {}],
])('S139 %s is refused with source.%s', async (_, code, text, parameters, password, host) => {
  await using database = await withTable();
  const { sslrootcert, ...rest } = parameters;
  const ca = sslrootcert === undefined ? {} : { sslrootcert: file(sslrootcert) };
  const url = database.urlWith({ ...rest, ...ca }, password, host);
  const refused = await WireConnection.open({ url, replication: true, applicationName: 'test' }).then(
    () => null,
    (error: unknown) => error,
  );
  expect(refused).toMatchObject({ code: `source.${code}`, order: 'stop' });
  expect(describe(refused)).toContain(text);
  expect(describe(refused)).not.toContain(PASSWORD);
});

test('S139 a refused login ends the source at once, also where pg itself has given up', async () => {
  await using database = await withTable();
  await using source = startSource({ ...database, url: database.urlWith({ sslmode: 'require' }, '') });
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('"code":"source.login_refused"');
});
