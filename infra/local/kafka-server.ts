import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCALHOST, onFreePorts } from './free-ports.ts';
import { javaCommand } from './java.ts';
import type { ClassArchive, JavaRuntime } from './java.ts';
import { askKafka } from './kafka-metadata.ts';
import { asProperties, kafkaSettings } from './kafka-settings.ts';
import type { Machine } from './machine.ts';
import type { RunFolder } from './run-folder.ts';
import { runProgram, startServer, untilReady } from './server-process.ts';
import type { ServerProcess } from './server-process.ts';

const LOG_SETTINGS = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.config.name = org.apache.kafka.common.config
logger.config.level = error
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
`;

function serverProperties(logDir: string, brokerPort: number, controllerPort: number): string {
  const broker = `${LOCALHOST}:${brokerPort}`;
  const settings = kafkaSettings({
    broker,
    controller: `${LOCALHOST}:${controllerPort}`,
    advertised: broker,
  });
  return asProperties({ ...settings, 'log.dirs': logDir });
}

export interface RunningKafka {
  /** host:port */
  readonly brokers: string;
  readonly server: ServerProcess;
}

/** Starts a Kafka of our own, with a cluster id of its own, on free ports. `name` names its data and log. */
export async function startKafka(
  machine: Machine,
  run: RunFolder,
  runtime: JavaRuntime,
  name: string,
  archive?: ClassArchive,
): Promise<RunningKafka> {
  const home = join(run.path, name);
  const logDir = join(home, 'data');
  await mkdir(home);
  const java = await kafkaJava(home, runtime);
  await cp(await formatted(machine, run, runtime, java), logDir, { recursive: true });
  const clusterId = await renameCluster(logDir);
  return onFreePorts(2, async ([brokerPort = 0, controllerPort = 0]) => {
    const config = join(home, 'server.properties');
    await writeFile(config, serverProperties(logDir, brokerPort, controllerPort));
    const program = { name, args: [...java, 'kafka.Kafka', config], archive };
    const server = startServer(run, machine.clock, javaCommand(machine, runtime, program));
    await untilReady(server, machine.clock, async () => {
      const metadata = await askKafka(LOCALHOST, brokerPort);
      return metadata.clusterId === clusterId && metadata.brokers.length > 0;
    });
    return { brokers: `${LOCALHOST}:${brokerPort}`, server };
  });
}

/** Log settings and class path: every jar by name, since their order is part of what a class archive is bound to. */
export async function kafkaJava(home: string, runtime: JavaRuntime): Promise<readonly string[]> {
  const logSettings = join(home, 'log4j2.properties');
  await writeFile(logSettings, LOG_SETTINGS);
  const folder = join(runtime.serversFolder, 'kafka');
  const jars = (await readdir(folder)).filter((file) => file.endsWith('.jar')).toSorted();
  return [`-Dlog4j2.configurationFile=${logSettings}`, '-cp', jars.map((jar) => join(folder, jar)).join(':')];
}

/** A formatted log folder to copy, made once: formatting costs the start of a virtual machine. */
export async function formatted(
  machine: Machine,
  run: RunFolder,
  runtime: JavaRuntime,
  java: readonly string[],
): Promise<string> {
  const template = join(runtime.serversFolder, 'kafka-formatted');
  if (existsSync(template)) return template;
  const logDir = join(run.path, 'kafka-format');
  const config = `${logDir}.properties`;
  await writeFile(config, serverProperties(logDir, 9092, 9093));
  const args = [...java, 'kafka.tools.StorageTool', 'format', '--cluster-id', newUuid(), '--config', config];
  await runProgram(run, machine.clock, javaCommand(machine, runtime, { name: 'kafka-format', args }));
  const copy = `${template}-${randomUUID()}`;
  await cp(logDir, copy, { recursive: true });
  // Another run may have been first; its template is as good.
  await rename(copy, template).catch(() => rm(copy, { recursive: true }));
  return template;
}

/** Each run is a cluster of its own, so that what is bound to a cluster's identity can tell two runs apart. */
async function renameCluster(logDir: string): Promise<string> {
  const clusterId = newUuid();
  await renameLogDir(logDir, { 'cluster.id': clusterId });
  return clusterId;
}

/** Gives a formatted log folder another identity: `cluster.id`, `node.id` or `directory.id`. */
export async function renameLogDir(
  logDir: string,
  identity: Readonly<Record<string, string>>,
): Promise<void> {
  const file = join(logDir, 'meta.properties');
  let text = await readFile(file, 'utf8');
  for (const [name, value] of Object.entries(identity))
    text = text.replace(new RegExp(`^${name.replaceAll('.', '\\.')}=.*$`, 'm'), `${name}=${value}`);
  await writeFile(file, text);
}

/** A random UUID as Kafka writes it: in URL-safe base64. */
export function newUuid(): string {
  return Buffer.from(randomUUID().replaceAll('-', ''), 'hex').toString('base64url');
}
