import { inject, onTestFinished } from 'vitest';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka, TopicSpec } from '../../../connectors/kafka/port.ts';
import { Sink, type SinkOptions } from '../../../connectors/postgres-sink/sink.ts';
import { createSinkMetrics } from '../../../connectors/postgres-sink/sink-metrics.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { Metrics } from '../../../infra/process/metrics.ts';
import type { AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import { type SchemaRegistry, connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { type TargetDatabase, createTargetDatabase, randomSuffix } from './target-database.ts';
import { type TopicWriter, createTopicWriter } from './topic-writer.ts';

export const KEY: AvroRecord = { type: 'record', name: 'Key', fields: [{ name: 'id', type: 'int' }] };
export const VALUE: AvroRecord = {
  type: 'record',
  name: 'Value',
  fields: [
    { name: 'id', type: 'int' },
    { name: 'version', type: 'int' },
  ],
};

/** A sink in this process, running. */
export interface RunningSink {
  readonly metrics: Metrics;
  readonly readiness: () => string | null;
  /** Settles when the sink ends by itself; rejects with what stopped it. */
  readonly ended: Promise<void>;
  /** Drains it. */
  readonly stop: () => Promise<void>;
}

/** A topic prefix, a target database and connections of one test. */
export interface SinkFixture {
  readonly prefix: string;
  readonly kafka: Kafka;
  /** Its URL is that of the role that the sink needs, and no more; its client and rows are the administrator's. */
  readonly target: TargetDatabase;
  readonly writer: (
    topic: string,
    partitions?: number,
    schemas?: { readonly key: AvroSchema; readonly value: AvroSchema },
    config?: TopicSpec['config'],
  ) => Promise<TopicWriter>;
  /** A sink of `<prefix>.<name>` into `public.<name>` for each name. */
  readonly start: (
    names: readonly string[],
    options?: Partial<Pick<SinkOptions, 'databaseUrl' | 'bounds' | 'tableOptions' | 'deadLetters'>>,
  ) => Promise<RunningSink>;
}

async function open(clientId: string): Promise<{ kafka: Kafka; registry: SchemaRegistry }> {
  const brokers = inject('kafkaBrokers').split(',');
  const kafka = await connectKafka({ brokers, clientId, log: silentLog, clock: systemClock });
  onTestFinished(() => kafka[Symbol.asyncDispose]());
  return { kafka, registry: connectRegistry({ url: inject('registryUrl'), clientId }) };
}

export async function createSinkFixture(): Promise<SinkFixture> {
  const prefix = `sink-${randomSuffix()}`;
  const database = await createTargetDatabase(inject('targetUrl'));
  onTestFinished(() => database[Symbol.asyncDispose]());
  const target = { ...database, url: await database.grantSink(['public.t']) };
  const { kafka, registry } = await open(`${prefix}-test`);
  return {
    prefix,
    kafka,
    target,
    async writer(topic, partitions = 2, schemas = { key: KEY, value: VALUE }, config) {
      const writer = await createTopicWriter(
        kafka,
        registry,
        `${prefix}.${topic}`,
        partitions,
        schemas,
        config,
      );
      onTestFinished(() => writer[Symbol.asyncDispose]());
      return writer;
    },
    async start(names, options = {}) {
      const own = await open(`${prefix}-sink`);
      const metrics = new Metrics();
      const sink = new Sink(
        {
          sinkName: 'sink',
          groupId: `${prefix}-sink`,
          tables: new Map(names.map((name) => [`${prefix}.${name}`, { schema: 'public', table: name }])),
          databaseUrl: target.url,
          bounds: { rowsMax: 2000, bytesMax: 1_000_000 },
          ...options,
        },
        {
          ...own,
          clock: systemClock,
          random: Math.random,
          log: silentLog,
          metrics: createSinkMetrics(metrics),
        },
      );
      const abort = new AbortController();
      const ended = sink.run(abort.signal);
      ended.catch(() => undefined);
      const stop = async (): Promise<void> => {
        abort.abort();
        await ended;
      };
      onTestFinished(() => stop().catch(() => undefined));
      return { metrics, readiness: sink.readiness, ended, stop };
    },
  };
}
