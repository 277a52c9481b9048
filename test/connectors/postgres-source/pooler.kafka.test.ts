import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { lastingPorts } from '../../../infra/local/free-ports.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { postgresUser } from '../../../infra/local/postgres-binaries.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';
import { type SourceDatabase, createSourceDatabase } from './source-database.ts';
import { startSource } from './source-process.ts';

function hasPgBouncer(): boolean {
  try {
    execFileSync('pgbouncer', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Starts PgBouncer before the database's server, and gives its URL of the database. */
async function startPgBouncer({ url, name }: SourceDatabase, settings: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-pgbouncer-'));
  await chmod(folder, 0o711);
  const [port = 0] = await lastingPorts(1);
  const target = new URL(url);
  const ini = join(folder, 'pgbouncer.ini');
  await writeFile(
    ini,
    `[databases]
${name} = host=${target.hostname} port=${target.port} dbname=${name} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
auth_type = any
unix_socket_dir =
pool_mode = session
${settings}
`,
  );
  // It refuses root, as Postgres does.
  const user = await postgresUser(thisMachine());
  const child = spawn('pgbouncer', [ini], { stdio: 'ignore', ...user });
  dieWithParent(child);
  onTestFinished(async () => {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    await rm(folder, { recursive: true, force: true });
  });
  target.port = String(port);
  await untilItAnswers(target.href);
  return target.href;
}

async function untilItAnswers(url: string): Promise<void> {
  for (;;) {
    const client = new Client({ connectionString: url });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await client.end();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED')) throw error;
    }
  }
}

test.skipIf(!hasPgBouncer()).each([
  ['as it comes', ''],
  ['that lets every session in', 'ignore_startup_parameters = options,extra_float_digits,replication'],
])('S139 PgBouncer %s is told from a server, with what to do (needs pgbouncer)', async (_, settings) => {
  await using database = await createSourceDatabase();
  await database.sql('CREATE TABLE t (id int PRIMARY KEY); CREATE PUBLICATION millrace FOR TABLE t');
  const url = await startPgBouncer(database, settings);
  await using source = startSource({ ...database, url });
  expect(await source.exited).toBe(1);
  expect(source.log()).toContain('"code":"source.pooler"');
  expect(source.log()).toContain('give the address of the Postgres server itself');
});
