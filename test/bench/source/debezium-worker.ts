import { readdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LOCALHOST, onFreePorts } from '../../../infra/local/free-ports.ts';
import { findJava } from '../../../infra/local/java.ts';
import { asProperties } from '../../../infra/local/kafka-settings.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { CCOMPAT_PATH } from '../../../infra/local/registry-server.ts';
import { createRunFolder } from '../../../infra/local/run-folder.ts';
import { startServer, untilReady } from '../../../infra/local/server-process.ts';
import type { ServerProcess } from '../../../infra/local/server-process.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Compression } from '../../../connectors/kafka/compression.ts';
import { deleteTopics } from './bench-database.ts';
import type { BenchPlace } from './bench-place.ts';
import { fetchJars } from '../maven-jars.ts';
import { DEBEZIUM } from './debezium-jars.ts';
import { ORDERS } from './orders-table.ts';

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

/** Larger batches than Debezium's own of 2048 in a queue of 8192, in the ratio that its documentation asks for. */
const TUNING = {
  throughput: {
    connector: { 'max.batch.size': '8192', 'max.queue.size': '32768', 'poll.interval.ms': '50' },
    worker: { 'producer.linger.ms': '5' },
  },
  latency: { connector: { 'poll.interval.ms': '1' }, worker: { 'producer.linger.ms': '0' } },
} as const;

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

export interface DebeziumRequest {
  readonly url: string;
  /** Made before, at the place where it is to begin. */
  readonly slot: string;
  readonly prefix: string;
  readonly snapshot: 'no_data' | 'initial';
}

/** A distributed Kafka Connect worker with exactly-once source support; one connector at a time. */
export interface DebeziumWorker {
  readonly pid: number;
  readonly log: () => string;
  /** Creates the connector and returns when its task runs. */
  readonly start: (request: DebeziumRequest) => Promise<void>;
  /** Deletes it, and returns when its slot is free. */
  readonly stop: () => Promise<void>;
}

export interface WorkerOptions {
  /** Of the internal topics and the group. */
  readonly name: string;
  readonly compression: Compression;
  readonly tuning: keyof typeof TUNING;
}

/** @throws Failure `bench.download_failed`, `bench.java_missing`, `local.*` */
export async function startDebezium(place: BenchPlace, options: WorkerOptions): Promise<DebeziumWorker> {
  const machine = thisMachine();
  const java = await findJava(machine);
  if ('problem' in java) throw new Failure('bench.java_missing', 'stop', java.problem);
  const jars = await fetchJars(machine, DEBEZIUM, place.say);
  const run = await createRunFolder(machine);
  place.cleanup.defer(() => deleteTopics(place.stack.kafkaBrokers, `${options.name}-connect`));
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
    await writeFile(config, asProperties(workerSettings(place, options, rest, join(jars, 'plugins'))));
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
    return worker(server, rest, options.tuning);
  });
}

function workerSettings(
  { stack }: BenchPlace,
  { name, compression, tuning }: WorkerOptions,
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
    'exactly.once.source.support': 'enabled',
    listeners: rest,
    'plugin.path': plugins,
    'producer.compression.type': compression,
    'producer.acks': 'all',
    ...TUNING[tuning].worker,
    'producer.batch.size': String(1024 * 1024),
    'producer.buffer.memory': String(64 * 1024 * 1024),
    ...Object.fromEntries(converters),
    ...Object.fromEntries(internal),
  };
}

function connectorSettings(
  { url, slot, prefix, snapshot }: DebeziumRequest,
  tuning: keyof typeof TUNING,
): Record<string, string> {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    'connector.class': 'io.debezium.connector.postgresql.PostgresConnector',
    'tasks.max': '1',
    'plugin.name': 'pgoutput',
    'database.hostname': hostname,
    'database.port': port,
    'database.user': decodeURIComponent(username),
    'database.password': decodeURIComponent(password),
    'database.dbname': pathname.slice(1),
    'slot.name': slot,
    'slot.drop.on.stop': 'false',
    'publication.name': 'millrace',
    'publication.autocreate.mode': 'disabled',
    // The other table would need a topic too: neither the broker nor Connect makes any here.
    'table.include.list': ORDERS,
    // The source's probes are in the same WAL.
    'message.prefix.exclude.list': '.*',
    'snapshot.mode': snapshot,
    'topic.prefix': prefix,
    'exactly.once.support': 'required',
    ...TUNING[tuning].connector,
  };
}

function worker(server: ServerProcess, rest: string, tuning: keyof typeof TUNING): DebeziumWorker {
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
    log: () => server.log(),
    async start(request) {
      const body = { name: CONNECTOR, config: connectorSettings(request, tuning) };
      while ((await call('/connectors', 'POST', body)) === null) await systemClock.sleep(POLL_MS);
    },
    async stop() {
      await call(`/connectors/${CONNECTOR}`, 'DELETE');
      while ((await call(`/connectors/${CONNECTOR}/status`, 'GET')) !== null)
        await systemClock.sleep(POLL_MS);
    },
  };
}

/** What became of the connector's task, for an error to tell. */
export function lastErrors(worker_: DebeziumWorker): string {
  return worker_
    .log()
    .split('\n')
    .filter((line) => / (ERROR|WARN) /.test(line))
    .slice(-8)
    .join('\n');
}
