import { join } from 'node:path';
import { Failure } from '../process/failure.ts';
import { makeArchive, readArchive } from './class-archive.ts';
import { findJava } from './java.ts';
import type { JavaRuntime } from './java.ts';
import { startKafka } from './kafka-server.ts';
import type { Machine } from './machine.ts';
import { findPostgres } from './postgres-binaries.ts';
import { startPostgres } from './postgres-server.ts';
import { startRegistry } from './registry-server.ts';
import { createRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import { fetchServers, hasMaven, isComplete, serversFolder } from './server-jars.ts';
import type { Provider, Stack, StackRequest } from './stack.ts';

const MAVEN =
  'Maven is missing and Kafka is not downloaded yet; install it: apt-get install maven, or brew install maven';
const POSTGRES =
  'no Postgres found: run npm ci in the repository (it brings one), or apt-get install postgresql, or brew install postgresql';

/** Postgres, Kafka and the registry as child processes of this one; needs Java, and Maven for the first start. */
export function processesProvider(machine: Machine): Provider {
  return {
    name: 'processes',
    async unavailable() {
      const problems = await kafkaProblems(machine);
      if ((await findPostgres(machine)) === null) problems.push(POSTGRES);
      return problems.length === 0 ? null : problems.join('; ');
    },
    start: (request) => startProcesses(machine, request),
  };
}

/** What keeps Kafka from running as a process here, with what to install; empty when nothing does. */
export async function kafkaProblems(machine: Machine): Promise<string[]> {
  const java = await findJava(machine);
  const problems = 'problem' in java ? [java.problem] : [];
  if (!hasMaven(machine) && !(await isComplete(await serversFolder(machine)))) problems.push(MAVEN);
  return problems;
}

async function startProcesses(machine: Machine, { onProgress }: StackRequest): Promise<Stack> {
  const [java, binaries] = await Promise.all([findJava(machine), findPostgres(machine)]);
  if ('problem' in java) throw unavailable(java.problem);
  if (binaries === null) throw unavailable(POSTGRES);
  if (!hasMaven(machine) && !(await isComplete(await serversFolder(machine)))) throw unavailable(MAVEN);
  const runtime = { ...java, serversFolder: await fetchServers(machine, onProgress) };
  const run = await createRunFolder(machine);
  const timed = async <T>(name: string, start: Promise<T>): Promise<T> => {
    const started = machine.clock.now();
    const result = await start;
    onProgress(`${name} ready in ${((machine.clock.now() - started) / 1000).toFixed(1)} s`);
    return result;
  };
  try {
    onProgress('starting postgres, kafka and the schema registry');
    const [kafka, registry, postgresUrl] = await Promise.all([
      timed('kafka', startKafka(machine, run, runtime, 'kafka', readArchive(runtime, 'kafka'))),
      timed(
        'schema registry',
        startRegistry(machine, run, runtime, 'registry', readArchive(runtime, 'registry')),
      ),
      timed('postgres', startPostgres(machine, run, binaries)),
    ]);
    reportEnds(run, onProgress);
    makeMissingArchives(machine, run, runtime, onProgress);
    return {
      provider: 'processes',
      kafkaBrokers: kafka.brokers,
      registryUrl: registry.url,
      sourceUrl: postgresUrl,
      targetUrl: postgresUrl,
      logs: run.logs,
      [Symbol.asyncDispose]: () => run.remove(),
    };
  } catch (error) {
    const kept = await run.keepLogs();
    await run.remove();
    throw startFailure(error, run.logs, kept);
  }
}

/** The same failure, with the logs where they are now. */
function startFailure(error: unknown, logs: string, kept: string): Failure {
  const code = error instanceof Failure ? error.code : 'local.start_failed';
  const message = error instanceof Error ? error.message.replaceAll(logs, kept) : String(error);
  const fix = error instanceof Failure && error.fix !== undefined ? `${error.fix}; ` : '';
  return new Failure(code, 'stop', `the local stack did not start: ${message}`, {
    cause: error instanceof Failure ? error.cause : error,
    fix: `${fix}the logs of all servers are in ${kept}`,
  });
}

/** A server that ends while it is needed makes errors elsewhere that do not tell why. */
function reportEnds(run: RunFolder, onProgress: (line: string) => void): void {
  for (const server of run.running) {
    void server.end.then((how) => {
      if (!run.closing) onProgress(`${server.name} ended (${how}); its log is in ${run.logs}`);
    });
  }
}

/** In the background, one after the other; a stack that stops meanwhile ends it, and the next one tries again. */
function makeMissingArchives(
  machine: Machine,
  run: RunFolder,
  runtime: JavaRuntime,
  onProgress: (line: string) => void,
): void {
  const make = async (): Promise<void> => {
    if (readArchive(runtime, 'kafka') === undefined)
      await makeArchive(runtime, 'kafka', join(run.path, 'kafka.jsa'), async (archive) => {
        return (await startKafka(machine, run, runtime, 'kafka-trial', archive)).server;
      });
    if (readArchive(runtime, 'registry') === undefined)
      await makeArchive(runtime, 'registry', join(run.path, 'registry.jsa'), async (archive) => {
        return (await startRegistry(machine, run, runtime, 'registry-trial', archive)).server;
      });
  };
  make().catch((error: unknown) => {
    if (!run.closing) onProgress(`the next start will not be quicker: ${String(error)}`);
  });
}

function unavailable(problem: string): Failure {
  return new Failure('local.unavailable', 'stop', `the local stack cannot run as processes: ${problem}`);
}
