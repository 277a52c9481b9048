import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { Failure } from '../process/failure.ts';
import { asMachineFailure, noSpace } from './machine-failure.ts';
import type { Machine } from './machine.ts';
import { takePidLock } from './pid-lock.mjs';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
/** Lists every file with its size; written last. */
const MARKER = 'complete.json';
const PROGRESS_MS = 3_000;
const TAIL_LINES = 12;

/** The folder of the servers' jars for the versions in pom.xml; it may not be there yet. */
export async function serversFolder(machine: Machine): Promise<string> {
  const pom = await readFile(POM);
  return join(machine.cacheFolder, `servers-${createHash('sha256').update(pom).digest('hex').slice(0, 12)}`);
}

/** True when every file is there in its full size. */
export async function isComplete(folder: string): Promise<boolean> {
  const marker = join(folder, MARKER);
  if (!existsSync(marker)) return false;
  const sizes = JSON.parse(await readFile(marker, 'utf8')) as Record<string, number>;
  const same = await Promise.all(
    Object.entries(sizes).map(async ([file, size]) => {
      const found = await stat(join(folder, file)).catch(() => null);
      return found?.size === size;
    }),
  );
  return same.every(Boolean);
}

/** True when `mvn` is in the PATH. */
export function hasMaven(machine: Machine): boolean {
  const path = (machine.env['PATH'] ?? '').split(':').filter((part) => part !== '');
  return path.some((part) => existsSync(join(part, 'mvn')));
}

/**
 * Fetches the jars with Maven unless they are there. Two processes may do so at once: the second waits for the first.
 * @returns their folder
 * @throws Failure `local.download_failed`, `local.no_space`, `local.no_permission`
 */
export async function fetchServers(machine: Machine, onProgress: (line: string) => void): Promise<string> {
  const folder = await serversFolder(machine);
  if (await isComplete(folder)) return folder;
  try {
    const release = await takePidLock(`${folder}.lock`, (owner) =>
      onProgress(`waiting for process ${owner}, which downloads Kafka and the schema registry`),
    );
    try {
      if (!(await isComplete(folder))) await fetchInto(machine, folder, onProgress);
      return folder;
    } finally {
      release();
    }
  } catch (error) {
    throw asMachineFailure(error, machine.cacheFolder);
  }
}

async function fetchInto(
  machine: Machine,
  folder: string,
  onProgress: (line: string) => void,
): Promise<void> {
  const incoming = `${folder}-${randomUUID()}`;
  await mkdir(incoming);
  try {
    await runMaven(machine, incoming, onProgress);
    await rm(join(incoming, 'target'), { recursive: true, force: true });
    await writeFile(join(incoming, MARKER), JSON.stringify(await sizesOf(incoming)));
    await rm(folder, { recursive: true, force: true });
    await rename(incoming, folder);
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

async function sizesOf(folder: string): Promise<Record<string, number>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const sizes = await Promise.all(
    files.map(async (file) => [file.slice(folder.length + 1), (await stat(file)).size]),
  );
  return Object.fromEntries(sizes) as Record<string, number>;
}

async function runMaven(machine: Machine, folder: string, onProgress: (line: string) => void): Promise<void> {
  const args = ['-B', '-f', POM, `-Dservers.folder=${folder}`, 'generate-resources'];
  const maven = spawn('mvn', args, { env: machine.env, stdio: ['ignore', 'pipe', 'pipe'] });
  const exit = once(maven, 'exit');
  const progress = new DownloadProgress();
  const started = machine.clock.now();
  const seconds = (): string => ((machine.clock.now() - started) / 1000).toFixed(0);
  const timer = machine.clock.every(PROGRESS_MS, () =>
    onProgress(`downloading Kafka and the schema registry: ${progress.summary()}, ${seconds()} s`),
  );
  onProgress('fetching Kafka and the schema registry with Maven (once, about 160 MB)');
  try {
    createInterface({ input: maven.stderr }).on('line', (line) => progress.read(line));
    for await (const line of createInterface({ input: maven.stdout })) progress.read(line);
    const [code] = (await exit) as [number | null];
    if (code !== 0) throw progress.failure(folder);
    onProgress(`Kafka and the schema registry fetched: ${progress.summary()}, ${seconds()} s`);
  } finally {
    timer[Symbol.dispose]();
    if (maven.exitCode === null) maven.kill('SIGKILL');
  }
}

/** Reads what Maven says in batch mode. */
export class DownloadProgress {
  #files = 0;
  #megabytes = 0;
  readonly #tail: string[] = [];

  read(line: string): void {
    if (/Progress \(/.test(line)) return;
    const [, amount, unit] = /Downloaded from .*\(([\d.]+) ([kM]?)B/.exec(line) ?? [];
    if (amount !== undefined) {
      this.#files++;
      this.#megabytes += Number(amount) / (unit === 'M' ? 1 : unit === 'k' ? 1e3 : 1e6);
    }
    this.#tail.push(line);
    if (this.#tail.length > TAIL_LINES) this.#tail.shift();
  }

  summary(): string {
    return `${this.#files} files, ${this.#megabytes.toFixed(0)} MB`;
  }

  failure(folder: string): Failure {
    const text = this.#tail.join('\n    ');
    if (/No space left/i.test(text)) return noSpace(folder);
    return new Failure(
      'local.download_failed',
      'stop',
      `Maven could not fetch Kafka and the schema registry; it ended with:\n    ${text}`,
      {
        fix: 'see that Maven reaches its repository (a proxy or mirror belongs into ~/.m2/settings.xml), then start again',
      },
    );
  }
}
