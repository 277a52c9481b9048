import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from '../../infra/local/machine.ts';
import { takePidLock } from '../../infra/local/pid-lock.mjs';
import { Failure } from '../../infra/process/failure.ts';

const TAIL_CHARACTERS = 2_000;

/** What a POM fetches when it is run with the folder to fill. */
export interface JarsRequest {
  readonly pom: string;
  /** Names the folder to the POM: `-D<property>=DIR`. */
  readonly property: string;
  /** First part of the folder's name. */
  readonly name: string;
  /** For a person, with its size. */
  readonly what: string;
  readonly megabytes: number;
}

/**
 * A folder of jars, fetched by Maven once and kept beside the local stack's own.
 * @throws Failure `bench.download_failed`
 */
export async function fetchJars(
  machine: Machine,
  { pom, property, name, what, megabytes }: JarsRequest,
  onProgress: (line: string) => void,
): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(pom))
    .digest('hex')
    .slice(0, 12);
  await mkdir(machine.cacheFolder, { recursive: true });
  const folder = join(machine.cacheFolder, `${name}-${version}`);
  const release = await takePidLock(`${folder}.lock`, (owner) =>
    onProgress(`waiting for process ${owner}, which downloads ${what}`),
  );
  try {
    if (existsSync(folder)) return folder;
    onProgress(`fetching ${what} with Maven (once, about ${megabytes} MB)`);
    const incoming = `${folder}-${randomUUID()}`;
    try {
      await runMaven(machine, ['-f', pom, `-D${property}=${incoming}`], what);
      // It is there in full or not at all.
      await rename(incoming, folder);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
    return folder;
  } finally {
    release();
  }
}

async function runMaven(machine: Machine, args: readonly string[], what: string): Promise<void> {
  const maven = spawn('mvn', ['-B', ...args, 'generate-resources'], {
    env: machine.env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let tail = '';
  for (const stream of [maven.stdout, maven.stderr])
    stream.on('data', (chunk: Buffer) => (tail = (tail + String(chunk)).slice(-TAIL_CHARACTERS)));
  const code = await new Promise<number | string | null>((resolve) => {
    maven.once('error', (error) => resolve(error.message));
    maven.once('close', resolve);
  });
  if (code === 0) return;
  throw new Failure('bench.download_failed', 'stop', `Maven could not fetch ${what} (${code}):\n${tail}`, {
    fix: 'see that Maven is installed and reaches its repository, or leave the peer out (see --help)',
  });
}
