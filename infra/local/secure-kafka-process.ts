import { cp, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../process/failure.ts';
import { readArchive } from './class-archive.ts';
import { LOCALHOST, onFreePorts } from './free-ports.ts';
import { findJava, javaCommand } from './java.ts';
import type { JavaRuntime } from './java.ts';
import { askKafka } from './kafka-metadata.ts';
import { formatted, kafkaJava, newUuid, renameLogDir } from './kafka-server.ts';
import { asProperties } from './kafka-settings.ts';
import type { Machine } from './machine.ts';
import { createRunFolder } from './run-folder.ts';
import type { RunFolder } from './run-folder.ts';
import type { StartSecureKafka } from './secure-kafka.ts';
import { secureKafkaSettings } from './secure-kafka-settings.ts';
import type { KafkaCredentials, SecureListener } from './secure-kafka-settings.ts';
import { fetchServers } from './server-jars.ts';
import { startServer, untilReady } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

type Ports = Readonly<Record<SecureListener, number>>;

/** As a child process of this one. */
export function secureKafkaOfProcess(machine: Machine, onProgress: (line: string) => void): StartSecureKafka {
  return async (credentials, ports) => {
    const java = await findJava(machine);
    if ('problem' in java) throw new Failure('local.unavailable', 'stop', java.problem);
    const runtime = { ...java, serversFolder: await fetchServers(machine, onProgress) };
    const folder = await createRunFolder(machine);
    try {
      const run = await prepare(machine, folder, runtime, credentials, ports);
      let server = await run();
      return {
        async restart() {
          await server.stop();
          server = await run();
        },
        [Symbol.asyncDispose]: () => folder.remove(),
      };
    } catch (error) {
      onProgress(`the logs of Kafka are in ${await folder.keepLogs()}`);
      await folder.remove();
      throw error;
    }
  };
}

/** @returns what starts the node, each time on the same data */
async function prepare(
  machine: Machine,
  folder: RunFolder,
  runtime: JavaRuntime,
  credentials: KafkaCredentials,
  ports: Ports,
): Promise<() => Promise<ServerProcess>> {
  const java = await kafkaJava(folder.path, runtime);
  const logDir = join(folder.path, 'data');
  await mkdir(logDir);
  await cp(await formatted(machine, folder, runtime, java), logDir, { recursive: true });
  const clusterId = newUuid();
  await renameLogDir(logDir, { 'cluster.id': clusterId });
  const addresses = {
    plaintext: `${LOCALHOST}:${ports.plaintext}`,
    saslSsl: `${LOCALHOST}:${ports.saslSsl}`,
    mutualTls: `${LOCALHOST}:${ports.mutualTls}`,
    shortSession: `${LOCALHOST}:${ports.shortSession}`,
  };
  const config = join(folder.path, 'server.properties');
  const program = {
    name: 'secure-kafka',
    args: [...java, 'kafka.Kafka', config],
    archive: readArchive(runtime, 'kafka'),
  };
  return () =>
    onFreePorts(1, async ([controllerPort = 0]) => {
      const settings = secureKafkaSettings(credentials, {
        controller: `${LOCALHOST}:${controllerPort}`,
        bind: addresses,
        advertised: addresses,
      });
      await writeFile(config, asProperties({ ...settings, 'log.dirs': logDir }));
      const server = startServer(folder, machine.clock, javaCommand(machine, runtime, program));
      await untilReady(server, machine.clock, async () => {
        const metadata = await askKafka(LOCALHOST, ports.plaintext);
        return metadata.clusterId === clusterId && metadata.brokers.length > 0;
      });
      return server;
    });
}
