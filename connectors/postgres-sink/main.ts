import { argv, env } from 'node:process';
import { z } from 'zod';
import { systemClock } from '../../infra/process/clock.ts';
import { describe } from '../../infra/process/failure.ts';
import { keepOldHeapClose, keepYoungHeapSmall } from '../../infra/process/heap.ts';
import { startHttpServer } from '../../infra/process/http-server.ts';
import type { Log } from '../../infra/process/log.ts';
import { Metrics } from '../../infra/process/metrics.ts';
import type { OptionSpecs, Options } from '../../infra/process/options.ts';
import {
  GROUP_OPTIONS,
  ROLE_OPTIONS,
  count,
  postgresUrl,
  requiredText,
} from '../../infra/process/role-options.ts';
import { runRole } from '../../infra/process/role.ts';
import { progressTopicName } from '../../schemas/change-event.ts';
import { resultProgressTopicName } from '../../schemas/progress.ts';
import { connectRegistry } from '../../schemas/serde/schema-registry.ts';
import { kafkaSecurity } from '../kafka/configured-security.ts';
import { connectKafka } from '../kafka/kafka.ts';
import { KAFKA_SECURITY_OPTIONS } from '../kafka/security-options.ts';
import { Sink } from './sink.ts';
import { createSinkMetrics } from './sink-metrics.ts';
import { BAD_ROW_BOUNDS, TABLE_OPTIONS } from './table-options.ts';
import { parseTableMapping } from './table-mapping.ts';

const SPECS = {
  ...ROLE_OPTIONS,
  ...KAFKA_SECURITY_OPTIONS,
  ...GROUP_OPTIONS,
  databaseUrl: { schema: postgresUrl, help: 'target database, postgres://..', secret: true },
  tables: {
    schema: requiredText.transform((text, context) => {
      try {
        return parseTableMapping(text);
      } catch (error) {
        context.addIssue({ code: 'custom', message: describe(error) });
        return z.NEVER;
      }
    }),
    help: 'which topic fills which table: topic=schema.table,.. with the topic named without its prefix',
  },
  sinkName: {
    schema: z.string().default('sink'),
    help: 'names the stored offsets and the consumer group (prefix-name); instances that share work share it',
  },
  batchRows: {
    schema: count.default(2000),
    help: 'most records in one transaction',
  },
  batchBytes: {
    schema: count.default(8_388_608),
    help: 'most bytes of records in one transaction',
  },
  ...TABLE_OPTIONS,
  badRows: {
    schema: z.enum(['stop', 'dead-letter']).default('stop'),
    help: 'a record that its table does not take, or that cannot be decoded: stop, or dead-letter: put it into millrace.dead_letters of the target and go on',
  },
  ...BAD_ROW_BOUNDS,
} as const satisfies OptionSpecs;

async function runSink(options: Options<typeof SPECS>, log: Log, signal: AbortSignal): Promise<void> {
  const tables = new Map(
    [...options.tables].map(([topic, table]) => [`${options.topicPrefix}.${topic}`, table]),
  );
  const clientId = `${options.topicPrefix}-${options.sinkName}`;
  const metrics = new Metrics();
  metrics.collectProcess();
  const brokers = options.kafkaBootstrapServers;
  const security = kafkaSecurity(options);
  await using kafka = await connectKafka({ brokers, clientId, security, log, clock: systemClock });
  const sink = new Sink(
    {
      sinkName: options.sinkName,
      groupId: clientId,
      sessionTimeoutMs: options.sessionTimeoutMs,
      ...(options.instance === undefined ? {} : { groupInstanceId: options.instance }),
      tables,
      progressTopics: [progressTopicName(options.topicPrefix), resultProgressTopicName(options.topicPrefix)],
      databaseUrl: options.databaseUrl,
      bounds: { rowsMax: options.batchRows, bytesMax: options.batchBytes },
      tableOptions: options,
      ...(options.badRows === 'stop'
        ? {}
        : { deadLetters: { perBatchMax: options.badRowsPerBatchMax, totalMax: options.badRowsMax } }),
    },
    {
      kafka,
      registry: connectRegistry({ url: options.schemaRegistryUrl, clientId }),
      clock: systemClock,
      random: Math.random,
      log,
      metrics: createSinkMetrics(metrics),
    },
  );
  let waitingFor: string | null = `waiting for the topics ${[...tables.keys()].join(', ')}`;
  await using server = await startHttpServer({
    port: options.httpPort,
    host: options.httpHost,
    metrics,
    readiness: () => waitingFor ?? sink.readiness(),
  });
  log.info({ httpPort: server.port, topics: [...tables.keys()] }, 'waiting for the topics to exist');
  await kafka.waitForTopics([...tables.keys()], signal);
  waitingFor = null;
  log.info({ groupId: clientId }, 'topics exist');
  await sink.run(signal);
}

keepYoungHeapSmall();
keepOldHeapClose();
await runRole(
  {
    name: 'sink',
    command: 'node connectors/postgres-sink/main.ts',
    options: SPECS,
    verify: kafkaSecurity,
    run: runSink,
  },
  argv.slice(2),
  env,
);
