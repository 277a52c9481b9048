import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { inject } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type {
  ConsumerRecord,
  Kafka,
  ProducerRecord,
  TransactionalProducer,
} from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { createLog } from '../../../infra/process/log.ts';
import { Metrics } from '../../../infra/process/metrics.ts';
import { engineMetrics } from '../../../processors/engine/runtime/engine-metrics.ts';
import { type PipelineOptions, runPipeline } from '../../../processors/engine/runtime/run-pipeline.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { encodeProgress } from '../../../schemas/progress.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { type SchemaRegistry, connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { bodyOf } from '../../../schemas/serde/wire-format.ts';
import { TABLE_CONFIG, type Topic, topicName } from '../../../schemas/topic.ts';
import type {} from '../../support/global-stack.ts';
import { dieWithParent } from '../../support/die-with-parent.ts';

const root = join(import.meta.dirname, '../../..');
const log = createLog('silent', 'test');

export interface Change<K, V> {
  readonly key: K;
  /** Null deletes the row. */
  readonly value: V | null;
  /** Commit time, milliseconds; default: now. */
  readonly timestamp?: number;
}

export interface Result<K, V> extends Change<K, V> {
  readonly timestamp: number;
  readonly partition: number;
}

/** Stands in for the source: writes change topics and progress cuts under a prefix of its own, and reads results. */
export class PipelineRig implements AsyncDisposable {
  readonly prefix = `t${randomBytes(4).toString('hex')}`;
  /** Of the processes that it spawns. */
  readonly stateDir = mkdtempSync(join(tmpdir(), 'millrace-state-'));
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly #producer: TransactionalProducer;
  readonly #serdes = new Map<string, Promise<AvroSerde<unknown>>>();
  readonly #running = new Set<{ [Symbol.asyncDispose](): Promise<void> }>();

  private constructor(
    kafka: Kafka,
    producer: TransactionalProducer,
    registry: SchemaRegistry,
    prefix: string,
  ) {
    this.kafka = kafka;
    this.registry = registry;
    this.prefix = prefix;
    this.#producer = producer;
  }

  static async open(): Promise<PipelineRig> {
    const prefix = `t${randomBytes(4).toString('hex')}`;
    const brokers = inject('kafkaBrokers').split(',');
    const kafka = await connectKafka({ brokers, clientId: prefix, log, clock: systemClock });
    const registry = connectRegistry({ url: inject('registryUrl'), clientId: prefix });
    return new PipelineRig(kafka, await kafka.openProducer(`${prefix}-rig`), registry, prefix);
  }

  /** Creates source topics, and the topic of progress cuts. */
  async createTopics(topics: readonly Topic<never, never>[], partitions: number): Promise<void> {
    const specs = topics.map((topic) => ({
      name: topicName(this.prefix, topic),
      partitions,
      config: TABLE_CONFIG,
    }));
    await this.kafka.ensureTopics([
      ...specs,
      { name: progressTopicName(this.prefix), partitions: 1, config: TABLE_CONFIG },
    ]);
  }

  /** Writes changes in one Kafka transaction. */
  async publish<K, V>(topic: Topic<K, V>, changes: readonly Change<K, V>[]): Promise<void> {
    const name = topicName(this.prefix, topic);
    const partitions = await this.kafka.partitionCount(name);
    const keys = await this.#serde(`${name}-key`, topic.key);
    const values = await this.#serde(`${name}-value`, topic.value);
    await this.#send(
      changes.map(({ key, value, timestamp }) => {
        const bytes = keys.encode(key);
        return {
          topic: name,
          partition: partitionFor(bodyOf(bytes), partitions),
          timestamp: timestamp ?? Date.now(),
          key: bytes,
          value: value === null ? null : values.encode(value),
        };
      }),
    );
  }

  /** Writes a value that no schema describes. */
  async publishGarbage(topic: Topic<string, never>, partition: number): Promise<void> {
    const name = topicName(this.prefix, topic);
    const bytes = Buffer.from('no Avro');
    await this.#send([{ topic: name, partition, timestamp: Date.now(), key: bytes, value: bytes }]);
  }

  /** Writes records as they are, in one Kafka transaction. */
  async publishRaw(records: readonly ProducerRecord[]): Promise<void> {
    await this.#send(records);
  }

  /** Says that the snapshot is complete; with topics, that all commits up to a time, in milliseconds, are in them by now. */
  async cut(topics: readonly Topic<never, never>[] = [], timeMs = 0): Promise<void> {
    const offsets: Record<string, readonly number[]> = {};
    for (const topic of topics) {
      const name = topicName(this.prefix, topic);
      const count = await this.kafka.partitionCount(name);
      const partitions = Array.from({ length: count }, (_, partition) => ({ topic: name, partition }));
      offsets[name] = await this.kafka.listOffsets(partitions, 'last-stable');
    }
    const commitTs = BigInt(timeMs) * 1_000n + 1n;
    const value = encodeProgress({ endLsn: 1n, commitTs, systemId: '1', offsets });
    const topic = progressTopicName(this.prefix);
    await this.#send([{ topic, partition: 0, timestamp: Date.now(), key: Buffer.from('slot'), value }]);
  }

  /** All that is committed on a topic now, in order of partition and offset. */
  async results<K, V>(topic: Topic<K, V>): Promise<Result<K, V>[]> {
    const keys = AvroSerde.reader<K>(this.registry, topic.key);
    const values = AvroSerde.reader<V>(this.registry, topic.value);
    const records = await this.records(topicName(this.prefix, topic));
    const results: Result<K, V>[] = [];
    for (const { key, value, timestamp, partition } of records) {
      const keyId = keys.missing(key ?? Buffer.alloc(0));
      if (keyId !== null) await keys.load(keyId);
      const valueId = value === null ? null : values.missing(value);
      if (valueId !== null) await values.load(valueId);
      results.push({
        key: keys.decode(key ?? Buffer.alloc(0)),
        value: value === null ? null : values.decode(value),
        timestamp,
        partition,
      });
    }
    return results;
  }

  /** All committed records of a topic, by its name in Kafka. Empty while there is no such topic. */
  async records(name: string): Promise<ConsumerRecord[]> {
    const count = await this.kafka.partitionCount(name).catch(() => 0);
    const partitions = Array.from({ length: count }, (_, partition) => ({ topic: name, partition }));
    if (count === 0) return [];
    const ends = await this.kafka.listOffsets(partitions, 'last-stable');
    const left = new Map(ends.flatMap((end, partition) => (end > 0 ? [[partition, end]] : [])));
    const records: ConsumerRecord[] = [];
    await using fetcher = this.kafka.openFetcher();
    fetcher.assign(partitions.map((partition) => ({ ...partition, offset: 0 })));
    while (left.size > 0) {
      for (const batch of await fetcher.poll(500)) {
        records.push(...batch.records);
        if (batch.nextOffset >= (left.get(batch.partition) ?? 0)) left.delete(batch.partition);
      }
    }
    return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  }

  /** Runs a pipeline in this process until stopped; a failure comes out of `stop`. */
  start(
    topology: Topology,
    instance = 'a',
    settings: Partial<PipelineOptions> = {},
    kafka = this.kafka,
  ): RunningPipeline {
    const stop = new AbortController();
    const metrics = new Metrics();
    let state: string | null = 'starting';
    const ended = runPipeline(
      {
        kafka,
        registry: this.registry,
        clock: systemClock,
        log,
        metrics: engineMetrics(metrics, topology.name),
      },
      {
        topology,
        topicPrefix: this.prefix,
        instance,
        commitIntervalMs: 50,
        sessionTimeoutMs: 6_000,
        random: Math.random,
        onState: (reason) => void (state = reason),
        ...settings,
      },
      stop.signal,
    );
    const settled = ended.catch(() => undefined);
    const running = {
      metrics,
      ended,
      get state() {
        return state;
      },
      async stop() {
        stop.abort();
        await ended;
      },
      async [Symbol.asyncDispose]() {
        stop.abort();
        await settled;
      },
    };
    this.#running.add(running);
    return running;
  }

  /** Runs a pipeline as a container would, to be killed. */
  spawn(pipeline: string, instance: string, more: readonly string[] = []): Killable {
    const args = [
      'processors/main.ts',
      '--pipeline',
      pipeline,
      '--topic-prefix',
      this.prefix,
      '--instance',
      instance,
    ];
    const settings = ['--session-timeout-ms', '6000', '--commit-interval-ms', '50', '--log-level', 'info'];
    const state = ['--state-dir', this.stateDir];
    const child = spawn(process.execPath, [...args, ...settings, ...state, ...more], {
      cwd: root,
      env: {
        ...process.env,
        KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers'),
        SCHEMA_REGISTRY_URL: inject('registryUrl'),
      },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    dieWithParent(child);
    const killable = new Killable(child);
    this.#running.add(killable);
    return killable;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const running of this.#running) await running[Symbol.asyncDispose]();
    await this.#producer[Symbol.asyncDispose]();
    await this.kafka[Symbol.asyncDispose]();
    await rm(this.stateDir, { recursive: true, force: true });
  }

  async #send(records: readonly ProducerRecord[]): Promise<void> {
    this.#producer.begin();
    await this.#producer.send(records);
    await this.#producer.commit();
  }

  #serde(subject: string, schema: Topic<unknown, unknown>['key']): Promise<AvroSerde<unknown>> {
    const known = this.#serdes.get(subject) ?? AvroSerde.writer<unknown>(this.registry, subject, schema);
    this.#serdes.set(subject, known);
    return known;
  }
}

export interface RunningPipeline extends AsyncDisposable {
  readonly metrics: Metrics;
  /** Why it does not run yet, null when it runs. */
  readonly state: string | null;
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** What a restore has told when it was done. */
export interface Restored {
  readonly task: string;
  readonly records: number;
  readonly from: 'tail' | 'beginning';
}

/** A process of ours that a test kills. */
export class Killable implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #exited: Promise<number | null>;
  #tasks: readonly string[] = [];
  #assignments = 0;
  readonly #restores: Restored[] = [];
  readonly #refusals: string[] = [];

  constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stderr !== null) createInterface(child.stderr).on('line', (line) => this.#heed(line));
    this.#exited = new Promise((resolve) => child.once('exit', (code) => resolve(code)));
  }

  /** The tasks that it was given last. */
  get tasks(): readonly string[] {
    return this.#tasks;
  }

  /** How often it was given tasks: once more for each rebalance that reached it. */
  get assignments(): number {
    return this.#assignments;
  }

  /** What its restores have read, in the order in which they ended. One that had nothing to read is not told. */
  get restores(): readonly Restored[] {
    return this.#restores;
  }

  /** Why it did not use the state on its disk. */
  get refusals(): readonly string[] {
    return this.#refusals;
  }

  /** Ends it at once, with whatever it was doing. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  /** SIGSTOP makes it a zombie, SIGCONT wakes it up. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#child.kill(name);
  }

  /** Asks it to drain; resolves with its exit code. */
  terminate(): Promise<number | null> {
    this.#child.kill('SIGTERM');
    return this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }

  #heed(line: string): void {
    const entry = JSON.parse(line) as {
      readonly level: string;
      readonly msg: string;
      readonly tasks?: string[];
      readonly reason?: string;
    } & Partial<Restored>;
    if (entry.msg === 'state restored') this.#restores.push(entry as Restored);
    if (entry.msg.startsWith('the local state cannot be used')) this.#refusals.push(entry.reason ?? '');
    if (entry.msg === 'tasks assigned') {
      this.#tasks = entry.tasks ?? [];
      this.#assignments++;
    }
    if (entry.level === 'warn' || entry.level === 'error') process.stderr.write(`${line}\n`);
  }
}

/** Looks until the condition holds. The test's own timeout bounds it. */
export async function until<T>(look: () => Promise<T> | T, holds: (seen: T) => boolean): Promise<T> {
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    await systemClock.sleep(50);
  }
}
