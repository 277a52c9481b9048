import type { BenchClient, ClientName, RunResult, RunSpec } from './client.ts';
import { benchRecords } from './records.ts';

/** Different batches that are sent in turn. */
const BATCHES = 64;
/** Sends that wait for their acknowledgement at a time. */
const IN_FLIGHT = 8;
/** Part of a topic that is read before the measurement. */
const WARM_UP_PART = 0.2;

type Open = (spec: RunSpec) => Promise<BenchClient>;

/** A process loads the one client that it runs: this port mends kafkajs where it loads it. */
const CLIENT: Readonly<Record<ClientName, () => Promise<Open>>> = {
  millrace: async () => (await import('./clients/millrace.ts')).millraceClient,
  kafkajs: async () => (await import('./clients/kafkajs.ts')).kafkajsClient,
  platformatic: async () => (await import('./clients/platformatic.ts')).platformaticClient,
  'kafka-crab-js': async () => (await import('./clients/kafka-crab.ts')).kafkaCrabClient,
  socket: async () => (await import('./clients/socket.ts')).socketClient,
};

interface Mark {
  readonly records: number;
  readonly bytes: number;
  readonly cpu: NodeJS.CpuUsage;
  readonly at: number;
}

const count = { records: 0, bytes: 0 };
const mark = (): Mark => ({ ...count, cpu: process.cpuUsage(), at: performance.now() });

function between(from: Mark, to: Mark): RunResult {
  return {
    records: to.records - from.records,
    bytes: to.bytes - from.bytes,
    cpuSeconds: (to.cpu.user - from.cpu.user + to.cpu.system - from.cpu.system) / 1e6,
    wallSeconds: (to.at - from.at) / 1e3,
    rssMib: process.memoryUsage.rss() / 2 ** 20,
  };
}

async function produce(client: BenchClient, spec: RunSpec): Promise<RunResult> {
  const { batchRecords, partitions, warmUpMs, measureMs } = spec;
  const records = benchRecords(BATCHES * batchRecords, partitions);
  const batches = Array.from({ length: BATCHES }, (_, n) =>
    records.slice(n * batchRecords, (n + 1) * batchRecords),
  );
  const bytes = records
    .slice(0, batchRecords)
    .reduce((sum, { key, value }) => sum + key.length + value.length, 0);
  let next = 0;
  let stop = false;
  const lane = async (): Promise<void> => {
    while (!stop) {
      await client.send!(batches[next++ % BATCHES]!);
      count.records += batchRecords;
      count.bytes += bytes;
    }
  };
  const lanes = Array.from({ length: IN_FLIGHT }, lane);
  await Promise.race([pause(warmUpMs), ...lanes]);
  const from = mark();
  await Promise.race([pause(measureMs), ...lanes]);
  const to = mark();
  stop = true;
  await Promise.all(lanes);
  return between(from, to);
}

async function consume(client: BenchClient, spec: RunSpec): Promise<RunResult> {
  const done = Promise.withResolvers<RunResult>();
  let from: Mark | undefined;
  const reading = client.consume!((records, bytes) => {
    count.records += records;
    count.bytes += bytes;
    if (from === undefined && count.records >= spec.records * WARM_UP_PART) from = mark();
    if (from !== undefined && count.records >= spec.records) done.resolve(between(from, mark()));
  });
  reading.catch((error: unknown) => done.reject(error));
  return done.promise;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const spec = JSON.parse(process.argv[2] ?? '') as RunSpec;
const open = await CLIENT[spec.client]();
const client = await open(spec);
const result = await (spec.what === 'produce' ? produce(client, spec) : consume(client, spec));
process.stdout.write(`${JSON.stringify(result)}\n`);
await client.close();
process.exit(0);
