import { randomBytes } from 'node:crypto';
import { connectKafka } from '../../connectors/kafka/kafka.ts';
import type { Fetcher, Kafka, PartitionOffset, TopicPartition } from '../../connectors/kafka/port.ts';
import { must } from '../../infra/process/assert.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { silentLog } from '../../infra/process/log.ts';
import { Metrics } from '../../infra/process/metrics.ts';
import { applicationNames } from '../../processors/engine/runtime/application-names.ts';
import { engineMetrics } from '../../processors/engine/runtime/engine-metrics.ts';
import { runPipeline } from '../../processors/engine/runtime/run-pipeline.ts';
import type { Topology } from '../../processors/engine/topology.ts';
import { progressTopicName } from '../../schemas/change-event.ts';
import { encodeProgress } from '../../schemas/progress.ts';
import { AvroSerde } from '../../schemas/serde/avro-serde.ts';
import { type SchemaRegistry, connectRegistry } from '../../schemas/serde/schema-registry.ts';
import { topicName } from '../../schemas/topic.ts';
import { combined } from './combined-topology.ts';
import { type VectorResult, compareSteps, outputOf } from './run-vectors.ts';
import type { Vector, VectorOutput } from './vector.ts';
import { left, right, vectorTopology } from './vector-topology.ts';

/** Vectors that are run beside each other: each has some six topics. */
const AT_ONCE = 70;
const PIPELINE = 'vectors';
const POLL_MS = 20;
/** Event times of vectors lie in 1970: nothing may age. */
const KEPT = { 'cleanup.policy': 'delete', 'retention.ms': '-1' } as const;

export interface KafkaServers {
  readonly kafkaBrokers: string;
  readonly registryUrl: string;
}

/**
 * Runs vectors through the runtime with exactly-once on, over a real Kafka: a step of all of them, until all of it is
 * committed, then the next. Event times of results are in no record of Kafka's, and are not compared.
 */
export async function runVectorsThroughKafka(
  vectors: readonly Vector[],
  servers: KafkaServers,
  say: (line: string) => void = () => undefined,
): Promise<VectorResult[]> {
  const results: VectorResult[] = [];
  for (let from = 0; from < vectors.length; from += AT_ONCE) {
    const some = vectors.slice(from, from + AT_ONCE);
    say(`vectors ${from + 1} to ${from + some.length} of ${vectors.length}`);
    await using run = await KafkaRun.open(some, servers);
    results.push(...(await run.results()));
  }
  return results;
}

class KafkaRun implements AsyncDisposable {
  readonly #vectors: readonly Vector[];
  readonly #kafka: Kafka;
  readonly #registry: SchemaRegistry;
  readonly #prefix = `v${randomBytes(4).toString('hex')}`;
  readonly #topology: Topology;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  /** Next offset of each result topic. */
  readonly #read = new Map<string, number>();

  private constructor(vectors: readonly Vector[], kafka: Kafka, registry: SchemaRegistry) {
    this.#vectors = vectors;
    this.#kafka = kafka;
    this.#registry = registry;
    this.#topology = combined(
      PIPELINE,
      vectors.map(({ name, operator }) => must(vectorTopology(operator), `no operator for ${name}`)),
    );
    this.#running = this.#run();
    // Who waits for a step is told.
    this.#running.catch(() => this.#stop.abort());
  }

  static async open(vectors: readonly Vector[], servers: KafkaServers): Promise<KafkaRun> {
    const brokers = servers.kafkaBrokers.split(',');
    const kafka = await connectKafka({ brokers, clientId: PIPELINE, log: silentLog, clock: systemClock });
    const registry = connectRegistry({ url: servers.registryUrl, clientId: PIPELINE });
    return new KafkaRun(vectors, kafka, registry);
  }

  async results(): Promise<VectorResult[]> {
    const got = this.#vectors.map((): VectorOutput[][] => []);
    const text = await AvroSerde.writer<string>(this.#registry, `${this.#prefix}-text`, 'string');
    const inputs = new Set(this.#topics('in'));
    await using producer = await this.#kafka.openProducer(`${this.#prefix}-steps`);
    await using fetcher = this.#kafka.openFetcher();
    const steps = Math.max(...this.#vectors.map((vector) => vector.steps.length));
    for (let i = 0; i < steps; i++) {
      producer.begin();
      const records = this.#vectors.flatMap(({ steps: own }, v) => {
        const step = own[i];
        if (step === undefined) return [];
        const topic = topicName(this.#prefix, { name: `${v}-${(step.side === 'left' ? left : right).name}` });
        if (!inputs.has(topic)) return [];
        const { key, value, ts } = step;
        const [keyBytes, valueBytes] = [key, value].map((part) => (part === null ? null : text.encode(part)));
        return [{ topic, partition: 0, timestamp: ts, key: keyBytes ?? null, value: valueBytes ?? null }];
      });
      await producer.send(records);
      await producer.commit();
      await this.#settled();
      const told = await this.#told(fetcher);
      for (const [v, outputs] of got.entries()) outputs.push(told.get(v) ?? []);
    }
    return this.#vectors.map((vector, v) => compareSteps(vector, got[v] ?? [], true));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
    await this.#kafka[Symbol.asyncDispose]();
  }

  async #run(): Promise<void> {
    const topic = progressTopicName(this.#prefix);
    const names = [...this.#topics('in'), ...this.#topics('out'), topic];
    await this.#kafka.ensureTopics(names.map((name) => ({ name, partitions: 1, config: KEPT })));
    await using producer = await this.#kafka.openProducer(`${this.#prefix}-cut`);
    const value = encodeProgress({ endLsn: 1n, commitTs: 0n, systemId: '1', offsets: {} });
    producer.begin();
    await producer.send([{ topic, partition: 0, timestamp: Date.now(), key: Buffer.from('slot'), value }]);
    await producer.commit();
    await runPipeline(
      {
        kafka: this.#kafka,
        registry: this.#registry,
        clock: systemClock,
        log: silentLog,
        metrics: engineMetrics(new Metrics(), PIPELINE),
      },
      {
        topology: this.#topology,
        topicPrefix: this.#prefix,
        instance: 'a',
        commitIntervalMs: 10,
        sessionTimeoutMs: 30_000,
        random: Math.random,
        onState: () => undefined,
      },
      this.#stop.signal,
    );
  }

  #topics(way: 'in' | 'out'): string[] {
    const names = this.#topology.plan.nodes.flatMap((node) =>
      'topic' in node && (node.operator === 'sink') === (way === 'out') ? [node.topic.name] : [],
    );
    return [...new Set(names)].map((name) => topicName(this.#prefix, { name }));
  }

  /** All that the group reads is processed and committed, and nothing is on its way between its tasks. */
  async #settled(): Promise<void> {
    const names = applicationNames(this.#prefix, PIPELINE);
    const { nodes, repartitions } = this.#topology.plan;
    // What a global table has read nobody commits: an event waits for it.
    const read = nodes.flatMap((node) =>
      node.operator === 'stream-source' || node.operator === 'table-source'
        ? [names.catalogue(node.topic.name)]
        : [],
    );
    const topics = [...new Set([...read, ...repartitions.map(({ name }) => names.repartition(name))])];
    const partitions = topics.map((topic): TopicPartition => ({ topic, partition: 0 }));
    for (;;) {
      if (this.#stop.signal.aborted) await this.#running;
      const committed = await this.#kafka.committedOffsets(names.applicationId, partitions).catch(() => []);
      const ends = await this.#kafka.listOffsets(partitions, 'high-watermark').catch(() => null);
      if (ends?.every((end, i) => end === (committed[i] ?? 0))) return;
      await systemClock.sleep(POLL_MS, this.#stop.signal);
    }
  }

  /** What has come out since the last step, by vector. */
  async #told(fetcher: Fetcher): Promise<Map<number, VectorOutput[]>> {
    const topics = this.#topics('out');
    const partitions = topics.map((topic): TopicPartition => ({ topic, partition: 0 }));
    const ends = await this.#stableEnds(partitions);
    const behind = new Map<string, number>();
    for (const [i, topic] of topics.entries())
      if ((ends[i] ?? 0) > (this.#read.get(topic) ?? 0)) behind.set(topic, ends[i] ?? 0);
    const starts = [...behind.keys()].map((topic): PartitionOffset => ({
      topic,
      partition: 0,
      offset: this.#read.get(topic) ?? 0,
    }));
    fetcher.assign(starts);
    const told = new Map<number, VectorOutput[]>();
    while (behind.size > 0) {
      for (const batch of await fetcher.poll(1_000)) {
        for (const record of batch.records) {
          const name = batch.topic.slice(this.#prefix.length + 1);
          const vector = Number.parseInt(name, 10);
          const output = await this.#decoded(name, record.key, record.value);
          told.set(vector, [...(told.get(vector) ?? []), output]);
        }
        this.#read.set(batch.topic, batch.nextOffset);
        if (batch.nextOffset >= (behind.get(batch.topic) ?? 0)) behind.delete(batch.topic);
      }
    }
    return told;
  }

  /** The group's offsets may be seen to be committed before the markers of the same transaction are in other topics. */
  async #stableEnds(partitions: readonly TopicPartition[]): Promise<readonly number[]> {
    for (;;) {
      const ends = await this.#kafka.listOffsets(partitions, 'high-watermark');
      const stable = await this.#kafka.listOffsets(partitions, 'last-stable');
      if (ends.every((end, i) => end === stable[i])) return stable;
      await systemClock.sleep(POLL_MS, this.#stop.signal);
    }
  }

  async #decoded(name: string, key: Buffer | null, value: Buffer | null): Promise<VectorOutput> {
    const node = must(
      this.#topology.plan.nodes.find((own) => own.operator === 'sink' && own.topic.name === name),
      `nobody writes ${name}`,
    );
    const { topic } = node as typeof node & { topic: { key: never; value: never } };
    const keys = AvroSerde.reader<unknown>(this.#registry, topic.key);
    const values = AvroSerde.reader<unknown>(this.#registry, topic.value);
    const decode = async (serde: AvroSerde<unknown>, bytes: Buffer | null): Promise<unknown> => {
      if (bytes === null) return null;
      const id = serde.missing(bytes);
      if (id !== null) await serde.load(id);
      return serde.decode(bytes);
    };
    return outputOf(await decode(keys, key), await decode(values, value), 0);
  }
}
