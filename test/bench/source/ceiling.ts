import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../../infra/process/failure.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';
import { costOf } from './process-cost.ts';

/** Debian keeps the programs of each version here; what is in the PATH is a Perl script around them. */
const DEBIAN = '/usr/lib/postgresql';

const LOOK_MS = 2;
/** Rarely: it takes time from the one that is measured. */
const CPU_LOOK_MS = 50;

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

/** A program from the first byte that it writes to its end: it starts, and large transactions are decoded, before. */
export interface ProgramRun {
  readonly seconds: number;
  /** To the last look before its end. */
  readonly cpuSeconds: number;
}

async function runProgram(program: string, args: readonly string[]): Promise<ProgramRun> {
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  dieWithParent(child);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += String(chunk)));
  let firstMs = performance.now();
  let [firstCpu, lastCpu] = [0, 0];
  const begin = setInterval(() => {
    if (hasWritten(child.pid)) return clearInterval(begin);
    firstMs = performance.now();
    firstCpu = cpuSecondsOf(child.pid) ?? firstCpu;
  }, LOOK_MS);
  const look = setInterval(() => {
    lastCpu = cpuSecondsOf(child.pid) ?? lastCpu;
  }, CPU_LOOK_MS);
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).finally(() => {
    clearInterval(begin);
    clearInterval(look);
  });
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${errors.trim()}`);
  return { seconds: (performance.now() - firstMs) / 1e3, cpuSeconds: lastCpu - firstCpu };
}

/** Output to /dev/null counts as well. A process that is gone has nothing to say. */
function hasWritten(pid: number | undefined): boolean {
  try {
    return !/^wchar: 0$/m.test(readFileSync(`/proc/${pid}/io`, 'utf8'));
  } catch {
    return false;
  }
}

/** Null of a process that is gone. */
function cpuSecondsOf(pid: number | undefined): number | null {
  try {
    return costOf(pid ?? -1).cpuSeconds;
  } catch {
    return null;
  }
}

/** pg_recvlogical to /dev/null: what the server can decode and send, up to the first message behind `endLsn`. */
export async function receiveLogical(url: string, slot: string, endLsn: string): Promise<ProgramRun> {
  return await runProgram(clientProgram('pg_recvlogical'), [
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
export async function copyOut(url: string, table: string): Promise<ProgramRun> {
  const sql = `COPY (SELECT * FROM ${table}) TO STDOUT`;
  return await runProgram(clientProgram('psql'), [
    '--no-psqlrc',
    '--dbname',
    url,
    '--command',
    sql,
    '--output',
    '/dev/null',
  ]);
}
