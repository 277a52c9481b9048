import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCALHOST, onFreePorts } from '../../infra/local/free-ports.ts';
import { findJava } from '../../infra/local/java.ts';
import { asProperties } from '../../infra/local/kafka-settings.ts';
import { thisMachine } from '../../infra/local/machine.ts';
import { CCOMPAT_PATH } from '../../infra/local/registry-server.ts';
import { createRunFolder } from '../../infra/local/run-folder.ts';
import { startServer, untilReady } from '../../infra/local/server-process.ts';
import type { ServerProcess } from '../../infra/local/server-process.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { Failure } from '../../infra/process/failure.ts';
import { type JarsRequest, fetchJars } from './maven-jars.ts';
import { deleteTopics } from './source/bench-database.ts';
import type { BenchPlace } from './source/bench-place.ts';

const READY_MAX_MS = 120_000;
const POLL_MS = 100;
const CONNECTOR = 'orders';

/** What connect-distributed.sh and kafka-run-class.sh of the Apache distribution give the virtual machine. */
const JVM = [
  '-Xms256M',
  '-Xmx2G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
  '-Djava.awt.headless=true',
];

const LOG_SETTINGS = `status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
logger.debezium.name = io.debezium
logger.debezium.level = info
`;

/** A distributed Kafka Connect worker; one connector at a time. */
export interface ConnectWorker {
  readonly pid: number;
  /** Creates the connector. */
  readonly start: (config: Readonly<Record<string, string>>) => Promise<void>;
  /** Deletes it, and returns when it is gone. */
  readonly stop: () => Promise<void>;
  /** What became of the connector's task, for an error to tell. */
  readonly lastErrors: () => string;
}

export interface ConnectWorkerOptions {
  /** Of the internal topics and the group. */
  readonly name: string;
  /** With the folders `connect` and `plugins`. */
  readonly jars: JarsRequest;
  readonly settings: Readonly<Record<string, string>>;
}

/** @throws Failure `bench.download_failed`, `bench.java_missing`, `local.*` */
export async function startConnectWorker(
  place: BenchPlace,
  { name, jars: request, settings }: ConnectWorkerOptions,
): Promise<ConnectWorker> {
  const machine = thisMachine();
  const java = await findJava(machine);
  if ('problem' in java) throw new Failure('bench.java_missing', 'stop', java.problem);
  const jars = await fetchJars(machine, request, place.say);
  const run = await createRunFolder(machine);
  place.cleanup.defer(() => deleteTopics(place.stack.kafkaBrokers, `${name}-connect`));
  place.cleanup.defer(() => run.remove());
  const logSettings = join(run.path, 'log4j2.properties');
  await writeFile(logSettings, LOG_SETTINGS);
  const connect = join(jars, 'connect');
  const classPath = readdirSync(connect)
    .filter((file) => file.endsWith('.jar'))
    .map((file) => join(connect, file));
  return await onFreePorts(1, async ([port = 0]) => {
    const rest = `http://${LOCALHOST}:${port}`;
    const config = join(run.path, 'worker.properties');
    const all = { ...commonSettings(place, name, rest, join(jars, 'plugins')), ...settings };
    await writeFile(config, asProperties(all));
    const main = 'org.apache.kafka.connect.cli.ConnectDistributed';
    const log4j = `-Dlog4j2.configurationFile=${logSettings}`;
    const server = startServer(run, systemClock, {
      name: 'debezium',
      command: java.command,
      args: [...JVM, log4j, '-cp', classPath.join(':'), main, config],
      env: { PATH: machine.env['PATH'], JAVA_HOME: machine.env['JAVA_HOME'], LC_ALL: 'C', TZ: 'UTC' },
      stopSignals: ['SIGTERM', 'SIGKILL'],
    });
    const ready = async (): Promise<boolean> => (await fetch(`${rest}/connectors`)).ok;
    await untilReady(server, systemClock, ready, READY_MAX_MS);
    return worker(server, rest);
  });
}

function commonSettings(
  { stack }: BenchPlace,
  name: string,
  rest: string,
  plugins: string,
): Record<string, string> {
  const converter = {
    '': 'io.apicurio.registry.utils.converter.AvroConverter',
    '.apicurio.registry.url': stack.registryUrl.replace(CCOMPAT_PATH, '/apis/registry/v2'),
    '.apicurio.registry.auto-register': 'true',
    '.apicurio.registry.find-latest': 'true',
    '.apicurio.registry.as-confluent': 'true',
    '.apicurio.registry.headers.enabled': 'false',
  };
  const converters = ['key', 'value'].flatMap((part) =>
    Object.entries(converter).map(([key, value]) => [`${part}.converter${key}`, value]),
  );
  const internal = ['config', 'offset', 'status'].flatMap((kind) => [
    [`${kind}.storage.topic`, `${name}-connect-${kind}`],
    [`${kind}.storage.replication.factor`, '1'],
    ...(kind === 'config' ? [] : [[`${kind}.storage.partitions`, '1']]),
  ]);
  return {
    'bootstrap.servers': stack.kafkaBrokers,
    'group.id': `${name}-connect`,
    listeners: rest,
    'plugin.path': plugins,
    ...Object.fromEntries(converters),
    ...Object.fromEntries(internal),
  };
}

function worker(server: ServerProcess, rest: string): ConnectWorker {
  const call = async (path: string, method: string, body?: object): Promise<unknown> => {
    const response = await fetch(`${rest}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // 404 and 409 while the worker still thinks it over.
    if (response.status === 404 || response.status === 409) return null;
    if (!response.ok) throw new Error(`Kafka Connect answered ${response.status}: ${text}`);
    return text === '' ? null : JSON.parse(text);
  };
  return {
    pid: server.pid,
    lastErrors: () =>
      server
        .log()
        .split('\n')
        .filter((line) => / (ERROR|WARN) |^Caused by/.test(line))
        .slice(-8)
        .join('\n'),
    async start(config) {
      while ((await call('/connectors', 'POST', { name: CONNECTOR, config })) === null)
        await systemClock.sleep(POLL_MS);
    },
    async stop() {
      await call(`/connectors/${CONNECTOR}`, 'DELETE');
      while ((await call(`/connectors/${CONNECTOR}/status`, 'GET')) !== null)
        await systemClock.sleep(POLL_MS);
    },
  };
}
