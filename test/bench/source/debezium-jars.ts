import { spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../../../infra/process/failure.ts';
import type { Machine } from '../../../infra/local/machine.ts';
import { takePidLock } from '../../../infra/local/pid-lock.mjs';

const POM = fileURLToPath(new URL('pom.xml', import.meta.url));
const TAIL_CHARACTERS = 2_000;

/**
 * The folder with `connect` (Kafka Connect, the Avro converter) and `plugins` (Debezium), fetched by Maven once and kept
 * beside the local stack's own jars.
 * @throws Failure `bench.download_failed`
 */
export async function fetchDebezium(machine: Machine, onProgress: (line: string) => void): Promise<string> {
  const version = createHash('sha256')
    .update(await readFile(POM))
    .digest('hex')
    .slice(0, 12);
  await mkdir(machine.cacheFolder, { recursive: true });
  const folder = join(machine.cacheFolder, `debezium-${version}`);
  const release = await takePidLock(`${folder}.lock`, (owner) =>
    onProgress(`waiting for process ${owner}, which downloads Debezium`),
  );
  try {
    if (existsSync(folder)) return folder;
    onProgress('fetching Debezium and Kafka Connect with Maven (once, about 60 MB)');
    const incoming = `${folder}-${randomUUID()}`;
    try {
      await runMaven(machine, incoming);
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

async function runMaven(machine: Machine, folder: string): Promise<void> {
  const args = ['-B', '-f', POM, `-Ddebezium.folder=${folder}`, 'generate-resources'];
  const maven = spawn('mvn', args, { env: machine.env, stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  for (const stream of [maven.stdout, maven.stderr])
    stream.on('data', (chunk: Buffer) => (tail = (tail + String(chunk)).slice(-TAIL_CHARACTERS)));
  const code = await new Promise<number | string | null>((resolve) => {
    maven.once('error', (error) => resolve(error.message));
    maven.once('close', resolve);
  });
  if (code === 0) return;
  throw new Failure('bench.download_failed', 'stop', `Maven could not fetch Debezium (${code}):\n${tail}`, {
    fix: 'see that Maven is installed and reaches its repository, or leave Debezium out with --only',
  });
}
