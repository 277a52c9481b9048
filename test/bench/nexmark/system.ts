import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Compression } from '../../../connectors/kafka/compression.ts';
import { asProperties } from '../../../infra/local/kafka-settings.ts';
import { findJava } from '../../../infra/local/java.ts';
import { thisMachine } from '../../../infra/local/machine.ts';
import { type RunFolder, createRunFolder } from '../../../infra/local/run-folder.ts';
import { type ServerProcess, startServer } from '../../../infra/local/server-process.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { STREAM_CONFIG, topicName } from '../../../schemas/topic.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { streamsClassPath } from '../peers/streams-classes.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import { streamsSettings } from './streams-settings.ts';
import { type Query, namedQuery } from './queries.ts';

const PROCESSOR = join(import.meta.dirname, 'processor', 'main.ts');

/** What kafka-run-class.sh of the Apache distribution gives the virtual machine, but for the heap. */
const JVM = [
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
`;

/** Who runs a query. */
export type SystemName = 'millrace' | 'kafka-streams';

export interface SystemRequest {
  readonly query: Query;
  /** Of the topics of events; every name that a run makes begins with it. */
  readonly prefix: string;
  /** Of the run, unlike that of any other. */
  readonly name: string;
  readonly eventsPerSecond: number;
  readonly compression: Compression;
  readonly peerHeap: string;
  /** More flags of the processor role, ours alone. */
  readonly flags: readonly string[];
}

/** A query at work, in a process of its own. */
export interface RunningSystem extends AsyncDisposable {
  readonly server: ServerProcess;
  readonly groupId: string;
  /** With its name in Kafka. */
  readonly result: Topic<unknown, unknown>;
  readonly resultName: string;
  /** What all its internal topics begin with. */
  readonly ownPrefix: string;
}

/** Starts the systems of one bench; their logs and stores are in one folder, removed at its end. */
export class Systems {
  readonly #place: BenchPlace;
  readonly #run: RunFolder;
  readonly #machine = thisMachine();
  /** The processor's code is compiled once, as `millrace processor` and its image have it. */
  readonly #env: NodeJS.ProcessEnv;
  #classPath: Promise<{ readonly java: string; readonly classPath: string }> | null = null;

  private constructor(place: BenchPlace, run: RunFolder) {
    this.#place = place;
    this.#run = run;
    this.#env = { ...process.env, NODE_COMPILE_CACHE: join(run.path, 'compiled') };
  }

  static async open(place: BenchPlace): Promise<Systems> {
    const run = await createRunFolder(thisMachine());
    place.cleanup.defer(() => run.remove());
    const systems = new Systems(place, run);
    await promisify(execFile)(process.execPath, [PROCESSOR, '--help'], { env: systems.#env });
    return systems;
  }

  /** @throws Failure `bench.*` */
  async start(system: SystemName, request: SystemRequest): Promise<RunningSystem> {
    const { prefix, name, query } = request;
    const { result } = namedQuery(query, name, request);
    const resultName = topicName(prefix, result);
    const { kafka, stack } = this.#place;
    // Made beforehand, since Kafka Streams makes only its own, and since a reader may wait for it.
    const config = { ...STREAM_CONFIG, 'retention.ms': '-1' };
    await kafka.ensureTopics([{ name: resultName, partitions: result.partitions, config }]);
    const registry = connectRegistry({ url: stack.registryUrl, clientId: 'bench' });
    await AvroSerde.writer(registry, `${resultName}-key`, result.key);
    await AvroSerde.writer(registry, `${resultName}-value`, result.value);
    const server = await (system === 'millrace'
      ? this.#startEngine(request)
      : this.#startStreams(request, resultName));
    const groupId = `${prefix}-${name}`;
    const stop = async (): Promise<void> => await server.stop();
    return { server, groupId, result, resultName, ownPrefix: `${groupId}-`, [Symbol.asyncDispose]: stop };
  }

  #startEngine({ query, name, prefix, compression, eventsPerSecond, flags }: SystemRequest): ServerProcess {
    const own = {
      query,
      'pipeline-name': name,
      'events-per-second': String(eventsPerSecond),
      'topic-prefix': prefix,
      'kafka-bootstrap-servers': this.#place.stack.kafkaBrokers,
      'schema-registry-url': this.#place.stack.registryUrl,
      'compression-type': compression,
    };
    return startServer(this.#run, systemClock, {
      name,
      command: process.execPath,
      args: [PROCESSOR, ...Object.entries(own).flatMap(([flag, value]) => [`--${flag}`, value]), ...flags],
      env: this.#env,
      stopSignals: ['SIGTERM', 'SIGKILL'],
    });
  }

  async #startStreams(request: SystemRequest, resultName: string): Promise<ServerProcess> {
    const { java, classPath } = await (this.#classPath ??= this.#compiled());
    const { path } = this.#run;
    const settings = join(path, `${request.name}.properties`);
    const logSettings = join(path, 'log4j2.properties');
    await writeFile(logSettings, LOG_SETTINGS);
    await writeFile(
      settings,
      asProperties(streamsSettings(this.#place.stack, request, resultName, join(path, request.name))),
    );
    const log4j = `-Dlog4j2.configurationFile=${logSettings}`;
    const heap = [`-Xms256m`, `-Xmx${request.peerHeap}`];
    return startServer(this.#run, systemClock, {
      name: request.name,
      command: java,
      args: [...heap, ...JVM, log4j, '-cp', classPath, 'KafkaStreamsPeer', settings],
      env: { PATH: this.#machine.env['PATH'], JAVA_HOME: this.#machine.env['JAVA_HOME'], LC_ALL: 'C' },
      stopSignals: ['SIGTERM', 'SIGKILL'],
    });
  }

  async #compiled(): Promise<{ readonly java: string; readonly classPath: string }> {
    const java = await findJava(this.#machine);
    if ('problem' in java) throw new Failure('bench.java_missing', 'stop', java.problem);
    const classPath = await streamsClassPath(this.#machine, java.command, this.#place.say);
    return { java: java.command, classPath };
  }
}
