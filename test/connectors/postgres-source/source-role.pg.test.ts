import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { Catalog } from '../../../connectors/postgres-source/shapes/catalog.ts';
import { guard } from '../../../connectors/postgres-source/place/guard.ts';
import { identifySystem, serverFacts } from '../../../connectors/postgres-source/place/server.ts';
import { dropSourceSql } from '../../../connectors/postgres-source/source-role.ts';
import { WireConnection } from '../../../connectors/postgres-source/wire/wire-connection.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';

const SQL_MAIN = fileURLToPath(new URL('../../../connectors/postgres-source/sql.ts', import.meta.url));

const NO_FAILOVER = { slotFailover: false, acceptTimeline: null };

async function withTable(): Promise<SourceDatabase> {
  const database = await createSourceDatabase();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY, v text)');
  return database;
}

const connect = (url: string, replication = false): Promise<WireConnection> =>
  WireConnection.open({ url, replication, applicationName: 'role-test' });

/** The guard's answer to a first start. */
async function firstStart(url: string, slotName: string): Promise<string> {
  await using sql = await connect(url);
  await using walsender = await connect(url, true);
  const catalog = await Catalog.open(sql);
  const request = {
    slotName,
    publicationName: 'millrace',
    tables: [],
    positionTopic: 'position',
    ...NO_FAILOVER,
  };
  const system = await identifySystem(walsender, null);
  return guard(null, await serverFacts(sql, catalog, system, request), request);
}

test('the printed SQL makes a role that may do what the source does, and nothing more; it may run again', async () => {
  await using database = await withTable();
  const flags = ['--role', 'source', '--tables', 'public.t', '--user', database.name];
  const text = execFileSync(process.execPath, [SQL_MAIN, ...flags], { encoding: 'utf8' });
  await database.client.query(text);
  await database.client.query(text);
  const url = await database.grantSource(['public.t']);
  expect(await firstStart(url, database.name)).toBe('create');
  const rights = await database.sql(
    `SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolcanlogin FROM pg_roles
     WHERE rolname = '${database.name}'`,
  );
  expect(rights).toEqual([['f', 'f', 'f', 'f', 't', 't']]);
  await using sql = await connect(url);
  for (const forbidden of ['INSERT INTO public.t VALUES (1)', 'DROP TABLE public.t', 'CREATE SCHEMA mine'])
    await expect(sql.query(forbidden)).rejects.toMatchObject({ code: '42501' });
});

test('S140 slot, publication and role are removed by the printed SQL', async () => {
  await using database = await withTable();
  await database.grantSource(['public.t']);
  await database.sql(`SELECT pg_create_logical_replication_slot('${database.name}', 'pgoutput')`);
  const { name } = database;
  await database.client.query(dropSourceSql({ user: name, slotName: name, publicationName: 'millrace' }));
  const left = await database.sql(
    `SELECT (SELECT count(*) FROM pg_roles WHERE rolname = '${name}'), (SELECT count(*) FROM pg_publication),
       (SELECT count(*) FROM pg_replication_slots WHERE slot_name = '${name}')`,
  );
  expect(left).toEqual([['0', '0', '0']]);
});

test('S138 what a role lacks is said by name: REPLICATION, CONNECT, the database, SELECT', async () => {
  await using database = await withTable();
  const url = await database.grantSource(['public.t']);
  const { name } = database;
  await database.sql(`ALTER ROLE ${name} NOREPLICATION`);
  await expect(connect(url, true)).rejects.toMatchObject({ code: 'source.no_replication', order: 'stop' });
  await database.sql(
    `ALTER ROLE ${name} REPLICATION; REVOKE CONNECT ON DATABASE ${name} FROM ${name}, PUBLIC`,
  );
  await expect(connect(url)).rejects.toMatchObject({ code: 'source.no_connect', order: 'stop' });
  await database.sql(`GRANT CONNECT ON DATABASE ${name} TO ${name}; REVOKE SELECT ON t FROM ${name}`);
  await expect(firstStart(url, name)).rejects.toMatchObject({
    code: 'source.table_hidden',
    message: expect.stringContaining('public.t'),
  });
  await expect(connect(url.replace(/\w+$/, 'nowhere'))).rejects.toMatchObject({ code: 'source.no_database' });
  await database.sql(`ALTER ROLE ${name} NOLOGIN`);
  await expect(connect(url)).rejects.toMatchObject({ code: 'source.login_refused' });
});

test('rows that a policy hides are never left out in silence', async () => {
  await using database = await withTable();
  const url = await database.grantSource(['public.t']);
  await database.sql('ALTER TABLE t ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON t USING (id > 10)');
  await expect(firstStart(url, database.name)).rejects.toMatchObject({ code: 'source.table_hidden' });
  await using sql = await connect(url);
  await expect(sql.query('SELECT * FROM public.t')).rejects.toMatchObject({ code: '42501' });
});

test('a role that may read the published columns alone can read the table', async () => {
  await using database = await withTable();
  const url = await database.grantSource(['public.t']);
  await database.sql(`ALTER PUBLICATION millrace SET TABLE t (id); REVOKE SELECT ON t FROM ${database.name}`);
  await expect(firstStart(url, database.name)).rejects.toMatchObject({ code: 'source.table_hidden' });
  await database.sql(`GRANT SELECT (id) ON t TO ${database.name}`);
  expect(await firstStart(url, database.name)).toBe('create');
});
