import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../process/failure.ts';
import { LOCALHOST } from './free-ports.ts';
import { javaCommand } from './java.ts';
import type { ClassArchive, JavaRuntime } from './java.ts';
import type { Machine } from './machine.ts';
import type { RunFolder } from './run-folder.ts';
import { startServer, untilReady } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

/** Apicurio's path of the Confluent API. */
export const CCOMPAT_PATH = '/apis/ccompat/v7';

/** Confluent's default; Apicurio's is NONE. */
const COMPATIBILITY = 'BACKWARD';

export const REGISTRY_RULES = { APICURIO_RULES_GLOBAL_COMPATIBILITY: COMPATIBILITY } as const;

const ANSWER_MAX_MS = 2_000;
const LISTENING = /Listening on: http:\/\/127\.0\.0\.1:(\d+)/;

const SETTINGS = {
  // The system chooses the port, and the log tells it.
  QUARKUS_HTTP_PORT: '0',
  QUARKUS_HTTP_HOST: LOCALHOST,
  QUARKUS_BANNER_ENABLED: 'false',
  QUARKUS_LOG_CATEGORY__IO_QUARKUS__LEVEL: 'INFO',
  ...REGISTRY_RULES,
};

export interface RunningRegistry {
  /** Base URL of the Confluent API. */
  readonly url: string;
  readonly server: ServerProcess;
}

/** Starts an Apicurio registry of our own that keeps its schemas in memory. `name` names its log. */
export async function startRegistry(
  machine: Machine,
  run: RunFolder,
  runtime: JavaRuntime,
  name: string,
  archive?: ClassArchive,
): Promise<RunningRegistry> {
  const folder = join(runtime.serversFolder, 'registry');
  const jar = (await readdir(folder)).find((file) => file.endsWith('-runner.jar')) ?? 'runner.jar';
  const program = { name, args: ['-jar', join(folder, jar)], env: SETTINGS, archive };
  const server = startServer(run, machine.clock, javaCommand(machine, runtime, program));
  let url = '';
  await untilReady(server, machine.clock, async () => {
    const port = LISTENING.exec(server.log())?.[1];
    if (port === undefined) return false;
    url = `http://${LOCALHOST}:${port}${CCOMPAT_PATH}`;
    await setCompatibility(url);
    return true;
  });
  return { url, server };
}

/**
 * Sets the global rule by the API too, or else `GET /config` answers NONE while BACKWARD is enforced.
 * @throws Failure `local.registry_refused`
 */
export async function setCompatibility(url: string): Promise<void> {
  const response = await fetch(`${url}/config`, {
    method: 'PUT',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify({ compatibility: COMPATIBILITY }),
    signal: AbortSignal.timeout(ANSWER_MAX_MS),
  });
  const body = await response.text();
  if (!response.ok)
    throw new Failure(
      'local.registry_refused',
      'stop',
      `the registry answered ${response.status} to PUT /config: ${body}`,
    );
}
