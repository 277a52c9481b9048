import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Client } from 'pg';
import { expect, inject, onTestFinished, test } from 'vitest';
import { claimPartitions } from '../../../connectors/postgres-sink/offset-table.ts';
import { prepareOwnTables } from '../../../connectors/postgres-sink/own-tables.ts';
import { recordProgress } from '../../../connectors/postgres-sink/progress-table.ts';
import { freshnessOf, readTable } from '../../../connectors/postgres-sink/export/table-catalog.ts';
import { openReadSession } from '../../../connectors/postgres-sink/reconcile/read-session.ts';
import { reconcile } from '../../../connectors/postgres-sink/reconcile/reconcile.ts';
import { readerRoleSql, sinkRoleSql } from '../../../connectors/postgres-sink/sink-role.ts';
import { verifyRights, verifySchema } from '../../../connectors/postgres-sink/table-access.ts';
import { parseTableName } from '../../../connectors/postgres-sink/table-name.ts';
import { type TargetSession, openTarget } from '../../../connectors/postgres-sink/target-session.ts';
import { describeTable } from '../../../connectors/postgres-sink/target-table.ts';
import { ensureTable } from '../../../connectors/postgres-sink/target-schema.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import type { AvroField } from '../../../schemas/avro-schema.ts';
import { type TargetDatabase, createTargetDatabase, urlOf } from './target-database.ts';

const MILLRACE = fileURLToPath(new URL('../../../infra/cli/millrace.ts', import.meta.url));
const printed = (...flags: readonly string[]): string =>
  execFileSync(process.execPath, [MILLRACE, 'sql', ...flags], { encoding: 'utf8' });

interface Place {
  readonly target: TargetDatabase;
  /** Of the database and of the sink's role. */
  readonly name: string;
  readonly login: (user: string) => Promise<TargetSession>;
}

async function place(setup = ''): Promise<Place> {
  const target = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => target[Symbol.asyncDispose]());
  await target.client.query(setup);
  const name = new URL(target.url).pathname.slice(1);
  const login = async (user: string): Promise<TargetSession> => {
    const databaseUrl = urlOf(target.url, user);
    const session = await openTarget({
      databaseUrl,
      applicationName: 'role',
      log: silentLog,
      clock: systemClock,
    });
    onTestFinished(() => session[Symbol.asyncDispose]());
    return session;
  };
  return { target, name, login };
}

/** `name` with an int key and these fields. */
const tableOf = (name: string, ...fields: readonly AvroField[]) => {
  const key: AvroField = { name: 'id', type: 'int' };
  const record = (all: readonly AvroField[]) => ({ type: 'record', name: 'R', fields: [...all] }) as const;
  return describeTable(parseTableName(name), record([key]), record([key, ...fields]), null);
};
const V: AvroField = { name: 'v', type: 'int', doc: 'a value' };
const FORBIDDEN = { code: '42501' };

async function dropRoleAfter({ target }: Place, role: string): Promise<void> {
  onTestFinished(async () => {
    await target.client.query(`DROP OWNED BY "${role}"; DROP ROLE "${role}"`);
  });
}

test('the printed SQL makes a role that may do what the sink does, and nothing more; it may run again', async () => {
  const made = await place('CREATE TABLE private (id int); CREATE TABLE theirs (id int PRIMARY KEY, v int)');
  const { target, name, login } = made;
  const text = printed('--role', 'sink', '--tables', 'public.own,public.theirs,An "a.b$$c', '--user', name);
  await target.client.query(text);
  await target.client.query(text);
  const { client } = await login(name);
  await prepareOwnTables(client, true);
  for (const table of ['public.own', 'public.theirs', 'An "a.b$$c']) {
    await ensureTable(client, tableOf(table, V));
    await verifyRights(client, parseTableName(table));
  }
  await ensureTable(client, tableOf('public.own', { name: 'v', type: 'long', doc: 'a value' }));
  expect(await target.rows(`SELECT col_description('own'::regclass, 2)`)).toEqual([['a value']]);
  await target.client.query(text);
  for (const forbidden of [
    'SELECT * FROM public.private',
    'CREATE TABLE millrace.mine (id int)',
    'DROP TABLE millrace.sink_offsets',
    'DELETE FROM millrace.sink_offsets',
    'TRUNCATE public.theirs',
    'DROP TABLE public.theirs',
    'CREATE SCHEMA mine',
  ])
    await expect(client.query(forbidden)).rejects.toMatchObject(FORBIDDEN);
  const rights = await target.rows(
    `SELECT rolsuper, rolcreaterole, rolcreatedb, rolbypassrls, rolreplication, rolcanlogin, rolconnlimit
     FROM pg_roles WHERE rolname = '${name}'`,
  );
  expect(rights).toEqual([['f', 'f', 'f', 'f', 'f', 't', '20']]);
});

test('with --create-tables false a role writes the rows of tables that are there, and is told what it may not change', async () => {
  const { target, name, login } = await place(
    'CREATE SCHEMA mart; CREATE TABLE mart.t (id int PRIMARY KEY, v int)',
  );
  const flags = ['--user', name, '--create-tables', 'false', '--tables', 'mart.t'];
  await target.client.query(printed('--role=sink', ...flags));
  const { client } = await login(name);
  await prepareOwnTables(client, false);
  await ensureTable(client, tableOf('mart.t', V));
  await verifyRights(client, parseTableName('mart.t'));
  await client.query(
    'INSERT INTO mart.t VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET v = 2; DELETE FROM mart.t',
  );
  await expect(ensureTable(client, tableOf('mart.t', V, { name: 'w', type: 'int' }))).rejects.toMatchObject({
    code: 'sink.grant_missing',
    message: expect.stringContaining(
      'may not run: ALTER TABLE "mart"."t" ADD COLUMN IF NOT EXISTS "w" integer',
    ),
    fix: expect.stringContaining(`ALTER TABLE "mart"."t" OWNER TO "${name}"`),
  });
  await expect(ensureTable(client, tableOf('mart.new', V))).rejects.toMatchObject({
    code: 'sink.grant_missing',
    message: expect.stringContaining('may not run: CREATE TABLE "mart"."new"'),
    fix: expect.stringContaining(`GRANT CREATE ON SCHEMA "mart" TO "${name}"`),
  });
  await expect(ensureTable(client, tableOf('other.t', V))).rejects.toMatchObject({
    fix: expect.stringContaining(`GRANT USAGE, CREATE ON SCHEMA "other" TO "${name}"`),
  });
});

test('what the role lacks is said by name, with the SQL that gives it', async () => {
  const made = await place('CREATE TABLE t (id int PRIMARY KEY); CREATE SCHEMA shut');
  const { target, name, login } = made;
  await target.client.query(`CREATE ROLE "${name}" LOGIN`);
  const { client } = await login(name);
  await expect(prepareOwnTables(client, false)).rejects.toMatchObject({
    code: 'sink.objects_missing',
    message: expect.stringContaining('lacks sink_offsets, sink_tables, sink_progress, progress, wait_for'),
    fix: expect.stringContaining(`millrace sql --role sink --user ${name}`),
  });
  await target.grantSink(['public.t']);
  await target.client.query(
    `REVOKE USAGE ON SCHEMA millrace FROM "${name}"; REVOKE DELETE ON millrace.sink_progress FROM "${name}";
     REVOKE UPDATE ON t FROM "${name}"`,
  );
  await expect(prepareOwnTables(client, false)).rejects.toMatchObject({
    code: 'sink.grant_missing',
    message: `role ${name} lacks USAGE on schema millrace, DELETE on millrace.sink_progress`,
    fix: expect.stringContaining(`GRANT DELETE ON millrace.sink_progress TO "${name}"`),
  });
  const t = parseTableName('public.t');
  await expect(verifyRights(client, t)).rejects.toMatchObject({
    message: "the sink's role lacks UPDATE on public.t",
    fix: `GRANT UPDATE ON "public"."t" TO "${name}"`,
  });
  await expect(verifySchema(client, parseTableName('shut.t'))).rejects.toMatchObject({
    fix: `GRANT USAGE ON SCHEMA "shut" TO "${name}"`,
  });
  await target.client.query(
    `GRANT UPDATE ON t TO "${name}"; ALTER TABLE t ENABLE ROW LEVEL SECURITY; REVOKE CONNECT ON DATABASE "${name}" FROM "${name}", PUBLIC`,
  );
  await expect(verifyRights(client, t)).rejects.toMatchObject({ code: 'sink.row_security' });
  await expect(login(name)).rejects.toMatchObject({
    code: 'sink.no_connect',
    fix: `GRANT CONNECT ON DATABASE "${name}" TO "${name}"`,
  });
  await expect(login('nobody_of_that_name')).rejects.toMatchObject({ code: 'sink.login_refused' });
});

test('a reader waits for tables that it may read, whatever else the sink fills; its rights are SELECT', async () => {
  const made = await place();
  const { target, name, login } = made;
  const reader = `${name}_reader`;
  const tables = ['public.t', 'hidden.h'].map(parseTableName);
  await target.client.query(sinkRoleSql({ user: name, tables, createTables: true, connectionLimit: 5 }));
  const text = printed('--role', 'reader', '--tables', 'public.t', '--user', reader, '--sink-user', name);
  await target.client.query(text);
  await dropRoleAfter(made, reader);
  await target.client.query(`ALTER ROLE "${reader}" LOGIN`);
  const { client: sink } = await login(name);
  for (const [topic, table] of tables.entries()) {
    await ensureTable(sink, tableOf(`${table.schema}.${table.table}`, V));
    await sink.query(`INSERT INTO millrace.sink_tables VALUES ('s', $1, $2, $3)`, [
      String(topic),
      table.schema,
      table.table,
    ]);
  }
  await claimPartitions(sink, 's', [{ topic: '0', partition: 0 }], [5]);
  const cut = { topic: '0', origin: { source: 'slot', writer: null }, lsn: 9n, commitTs: 1n, ends: [5] };
  await recordProgress(sink, 's', [cut], () => 9n);
  await target.client.query(text);
  const { client } = await login(reader);
  const { rows } = await client.query(`SELECT millrace.wait_for('public.t', '0/9', '1 s') AS reached`);
  expect(rows).toEqual([{ reached: true }]);
  await client.query('SELECT * FROM public.t');
  const table = await readTable(client, parseTableName('public.t'));
  expect(await freshnessOf(client, table)).toMatchObject({ loaded_at_query: expect.anything() });
  for (const forbidden of [
    'SELECT * FROM hidden.h',
    'DELETE FROM public.t',
    'SELECT * FROM millrace.dead_letters',
  ])
    await expect(client.query(forbidden)).rejects.toMatchObject(FORBIDDEN);
  await expect(readTable(client, parseTableName('hidden.h'))).rejects.toMatchObject({
    code: 'export.grant_missing',
    fix: `GRANT USAGE ON SCHEMA "hidden" TO "${reader}"`,
  });
  const compared = async (): Promise<unknown> => {
    const side = { url: urlOf(target.url, reader), statementTimeoutMs: 10_000 };
    await using ours = await openReadSession({ ...side, side: 'source' });
    await using theirs = await openReadSession({ ...side, side: 'target' });
    const request = {
      view: parseTableName('public.t'),
      sql: 'SELECT * FROM public.t',
      keys: null,
      settleMs: 0,
      settleTimeoutMs: 0,
      show: 1,
    };
    return await reconcile(ours, theirs, request, systemClock, () => undefined);
  };
  expect(await compared()).toMatchObject({ progress: 'behind' });
  await target.client.query(`REVOKE USAGE ON SCHEMA millrace FROM "${reader}"`);
  expect(await compared()).toMatchObject({ progress: 'not told' });
  expect(await freshnessOf(client, table)).toBeUndefined();
});

test('an administrator who is no superuser can run all of it', async () => {
  const made = await place();
  const { target, name } = made;
  const [admin, reader] = [`${name}_admin`, `${name}_reader`];
  await target.client.query(
    `CREATE ROLE "${admin}" LOGIN CREATEROLE; ALTER DATABASE "${name}" OWNER TO "${admin}"`,
  );
  const client = new Client({ connectionString: urlOf(target.url, admin) });
  await client.connect();
  onTestFinished(async () => {
    await client.end();
    await target.client.query(
      `ALTER DATABASE "${name}" OWNER TO CURRENT_USER; DROP OWNED BY "${admin}", "${reader}", "${name}" CASCADE;
       DROP ROLE "${reader}", "${name}", "${admin}"`,
    );
  });
  const tables = [parseTableName('mart.t')];
  for (let run = 0; run < 2; run++) {
    await client.query(sinkRoleSql({ user: name, tables, createTables: true, connectionLimit: 5 }));
    await client.query(readerRoleSql({ user: reader, tables, sinkUser: name }));
    const session = await made.login(name);
    await prepareOwnTables(session.client, true);
    await ensureTable(session.client, tableOf('mart.t', V));
  }
  expect(await target.rows(`SELECT has_table_privilege('${reader}', 'mart.t', 'SELECT')`)).toEqual([['t']]);
});
