import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { COMPRESSIONS } from '../../connectors/kafka/compression.ts';
import type { Compression } from '../../connectors/kafka/compression.ts';
import { connectKafka } from '../../connectors/kafka/kafka.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { silentLog } from '../../infra/process/log.ts';
import type { ClientName, RunResult, RunSpec } from './client.ts';
import { benchRecords } from './records.ts';

const PARTITIONS = 16;
const BATCH_RECORDS = 1_000;
const RUN_TIMEOUT_MS = 180_000;
/** What fills a topic that is to be read: batches like those of a busy producer. */
const FILL_RECORDS = 16_000;

export interface ThroughputOptions {
  readonly what: 'produce' | 'consume';
  readonly brokers: string;
  readonly clients: readonly ClientName[];
  readonly peers: string;
  readonly rounds: number;
  readonly seconds: number;
  readonly records: number;
  readonly codecs: readonly Compression[];
  readonly onProgress: (line: string) => void;
}

export type CodecResults = ReadonlyMap<ClientName, readonly RunResult[]>;

/** Runs every client in turn, round after round, each time in a new process; codec by codec. */
export async function* throughput(
  options: ThroughputOptions,
): AsyncGenerator<{ readonly codec: Compression; readonly results: CodecResults }> {
  await using kafka = await connectKafka({
    brokers: options.brokers.split(','),
    clientId: 'bench',
    log: silentLog,
    clock: systemClock,
  });
  for (const codec of COMPRESSIONS) {
    if (!options.codecs.includes(codec)) continue;
    const topic = `bench-${codec}-${randomUUID().slice(0, 8)}`;
    await kafka.ensureTopics([
      { name: topic, partitions: PARTITIONS, config: { 'retention.bytes': '268435456' } },
    ]);
    if (options.what === 'consume') {
      options.onProgress(`${codec}: writing ${options.records} records`);
      await using producer = await kafka.openIdempotentProducer({ compression: codec });
      const records = benchRecords(FILL_RECORDS, PARTITIONS);
      for (let written = 0; written < options.records; written += FILL_RECORDS) {
        const timestamp = Date.now();
        await producer.send(records.map((record) => ({ ...record, topic, timestamp })));
      }
    }
    yield { codec, results: await rounds(options, codec, topic) };
  }
}

async function rounds(options: ThroughputOptions, codec: Compression, topic: string): Promise<CodecResults> {
  const results = new Map<ClientName, RunResult[]>();
  const failed = new Set<ClientName>();
  for (let round = 1; round <= options.rounds; round++)
    for (const client of options.clients) {
      if (failed.has(client)) continue;
      try {
        const result = await run(options, codec, topic, client);
        results.set(client, [...(results.get(client) ?? []), result]);
        const perSecond = Math.round(result.records / result.cpuSeconds / 1e3);
        options.onProgress(
          `${codec} round ${round} ${client}: ${perSecond}k records per CPU-second, ` +
            `${Math.round(result.records / result.wallSeconds / 1e3)}k per second, ${Math.round(result.rssMib)} MiB`,
        );
      } catch (error) {
        failed.add(client);
        results.delete(client);
        const reason = error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
        options.onProgress(`${codec} ${client} does not run: ${reason}`);
      }
    }
  return results;
}

async function run(
  { what, brokers, peers, seconds, records }: ThroughputOptions,
  compression: Compression,
  topic: string,
  client: ClientName,
): Promise<RunResult> {
  const spec: RunSpec = {
    client,
    what,
    brokers,
    topic,
    partitions: PARTITIONS,
    compression,
    batchRecords: BATCH_RECORDS,
    warmUpMs: 1_500,
    measureMs: seconds * 1_000,
    records: Math.ceil(records / FILL_RECORDS) * FILL_RECORDS,
    peers,
  };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, 'client-run.ts'), JSON.stringify(spec)],
    { timeout: RUN_TIMEOUT_MS },
  );
  return JSON.parse(stdout) as RunResult;
}
