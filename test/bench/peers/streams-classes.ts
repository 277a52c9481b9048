import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Machine } from '../../../infra/local/machine.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { type JarsRequest, fetchJars } from '../maven-jars.ts';

const FOLDER = import.meta.dirname;

/** Kafka Streams with RocksDB, and Avro. */
const STREAMS: JarsRequest = {
  pom: join(FOLDER, 'pom.xml'),
  property: 'streams.folder',
  name: 'kafka-streams',
  what: 'Kafka Streams',
  megabytes: 100,
};

/**
 * The class path of the peer: jars by Maven, the program of this folder compiled once.
 * @param java the program that runs it; its compiler lies beside it, or in the PATH
 * @throws Failure `bench.download_failed`, `bench.not_compiled`
 */
export async function streamsClassPath(
  machine: Machine,
  java: string,
  onProgress: (line: string) => void,
): Promise<string> {
  const folder = await fetchJars(machine, STREAMS, onProgress);
  const jars = join(folder, 'jars', '*');
  const sources = readdirSync(FOLDER)
    .filter((file) => file.endsWith('.java'))
    .toSorted()
    .map((file) => join(FOLDER, file));
  const version = createHash('sha256');
  for (const source of sources) version.update(readFileSync(source));
  const classes = join(folder, `classes-${version.digest('hex').slice(0, 12)}`);
  if (!existsSync(classes)) {
    onProgress('compiling the Kafka Streams program');
    await compile(java, sources, jars, classes);
  }
  return `${classes}:${jars}`;
}

async function compile(
  java: string,
  sources: readonly string[],
  jars: string,
  classes: string,
): Promise<void> {
  const compiler = java === 'java' ? 'javac' : join(dirname(java), 'javac');
  const incoming = `${classes}-${randomUUID()}`;
  try {
    await promisify(execFile)(compiler, ['--release', '17', '-d', incoming, '-cp', jars, ...sources]);
    // Another bench may have been quicker.
    if (!existsSync(classes)) await rename(incoming, classes);
  } catch (error) {
    throw new Failure(
      'bench.not_compiled',
      'stop',
      `${compiler} does not compile the Kafka Streams program`,
      {
        cause: error,
        fix: 'install a JDK of 17 or newer (a JRE has no compiler), or leave the peer out with --peer false',
      },
    );
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}
