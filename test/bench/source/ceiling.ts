import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../../infra/process/failure.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';

/** Debian keeps the programs of each version here; what is in the PATH is a Perl script around them. */
const DEBIAN = '/usr/lib/postgresql';

/** The newest of Postgres' own client programs, or the one in the PATH. @throws Failure `bench.client_missing` */
function clientProgram(name: string): string {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).toSorted((a, b) => Number(b) - Number(a)) : [];
  const folders = versions.map((version) => join(DEBIAN, version, 'bin'));
  folders.push(...(process.env['PATH'] ?? '').split(':'));
  const found = folders.map((folder) => join(folder, name)).find((file) => existsSync(file));
  if (found !== undefined) return found;
  throw new Failure('bench.client_missing', 'stop', `${name} is not installed, and is the ceiling`, {
    fix: 'apt-get install postgresql-client, or leave the ceiling out with --only',
  });
}

/** Seconds of a whole process, start-up included: some tens of milliseconds. */
async function secondsOf(program: string, args: readonly string[]): Promise<number> {
  const started = performance.now();
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  dieWithParent(child);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  const [code] = await new Promise<[number | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (exitCode) => resolve([exitCode]));
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors.trim()}`);
  return (performance.now() - started) / 1e3;
}

/** pg_recvlogical to /dev/null: what the server can decode and send, up to the first message behind `endLsn`. */
export async function receiveLogical(url: string, slot: string, endLsn: string): Promise<number> {
  return await secondsOf(clientProgram('pg_recvlogical'), [
    '--dbname',
    url,
    '--slot',
    slot,
    '--start',
    '--no-loop',
    '--option',
    'proto_version=1',
    '--option',
    'publication_names=millrace',
    '--endpos',
    endLsn,
    '--file',
    '/dev/null',
  ]);
}

/** COPY to /dev/null: what the server can read of a table and send. */
export async function copyOut(url: string, select: string): Promise<number> {
  const sql = `COPY (${select}) TO STDOUT`;
  return await secondsOf(clientProgram('psql'), [
    '--no-psqlrc',
    '--dbname',
    url,
    '--command',
    sql,
    '--output',
    '/dev/null',
  ]);
}
