import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { connectKafka } from '../../../connectors/kafka/kafka.ts';
import type { Kafka, Producer } from '../../../connectors/kafka/port.ts';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { startStack } from '../../../infra/local/start-stack.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { silentLog } from '../../../infra/process/log.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { encodeProgress } from '../../../schemas/progress.ts';
import { AvroSerde } from '../../../schemas/serde/avro-serde.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import { TABLE_CONFIG, topicName } from '../../../schemas/topic.ts';
import { applicationNames } from '../../../processors/engine/runtime/application-names.ts';
import { BenchProcessor } from './bench-processor.ts';
import { MemoryLimit } from './memory-limit.ts';
import { rows, tableCopy } from './table-copy.ts';

const VALUE = 'x'.repeat(100);
const SEND_RECORDS = 5_000;
/** Rows written while the processor is down: what it has to do beside its restore. */
const MISSED = 1_000;
const LOOK_MS = 20;

const METHOD = `One processor, one task, a table of as many keys as told (8 bytes, values of 100), all written to its topic, kept
in the state and copied to a result topic, exactly once, commits each 100 ms. Load: records a second, from the start of the
process until all are committed. Then it is killed (SIGKILL) amid its commits, ${MISSED} rows are written, and it is started
again: warm with the state that it left, cold with none. Caught up: the group has committed those rows. Times are from the
kill, with the start of the process and the wait for its commits.`;

const OPTIONS = {
  ...stackOptions,
  keys: { schema: z.coerce.number().int().positive().default(1_000_000), help: 'keys of state' },
  state: {
    schema: z.enum(['disk', 'memory']).default('disk'),
    help: 'where the state is; of a state in memory nothing is left by a kill, so that warm is cold',
  },
  memoryMib: {
    schema: z.coerce.number().int().positive().optional(),
    help: 'limit of the memory of the processor and of the files it uses (cgroup v1, as root), MiB; default: none',
  },
};

interface Bench {
  readonly kafka: Kafka;
  readonly producer: Producer;
  readonly registryUrl: string;
  readonly brokers: string;
  readonly prefix: string;
  /** Empty: state in memory. */
  readonly stateDir: string;
  readonly limit: MemoryLimit | null;
}

/** Writes rows `[from, to)`. */
async function write({ producer, registryUrl, prefix }: Bench, from: number, to: number): Promise<void> {
  const registry = connectRegistry({ url: registryUrl, clientId: 'restart-bench' });
  const topic = topicName(prefix, rows);
  const keys = await AvroSerde.writer<bigint>(registry, `${topic}-key`, rows.key);
  const values = await AvroSerde.writer<string>(registry, `${topic}-value`, rows.value);
  const value = values.encode(VALUE);
  for (let first = from; first < to; first += SEND_RECORDS) {
    const records = Array.from({ length: Math.min(SEND_RECORDS, to - first) }, (_, i) => ({
      topic,
      partition: 0,
      timestamp: systemClock.now(),
      // Scattered, as keys of rows that change are: in order they would be easy on any store.
      key: keys.encode(BigInt((Math.imul(first + i, 2_654_435_761) >>> 0) + 2 ** 32)),
      value,
    }));
    await producer.send(records);
  }
}

/**
 * Resolves when the group has committed its input up to an offset; with milliseconds since `startedMs`.
 * @throws Failure `bench.processor_ended` (stop)
 */
async function committed(
  { kafka, prefix }: Bench,
  processor: BenchProcessor,
  offset: number,
  startedMs: number,
): Promise<number> {
  const { applicationId } = applicationNames(prefix, tableCopy.name);
  const partition = { topic: topicName(prefix, rows), partition: 0 };
  for (;;) {
    const [own = null] = await kafka.committedOffsets(applicationId, [partition]);
    if (own !== null && own >= offset) return performance.now() - startedMs;
    if (processor.end !== null)
      throw new Failure('bench.processor_ended', 'stop', `the processor has ended: ${processor.end}`, {
        fix: 'SIGKILL with a limit on its memory: the kernel has found it too low',
      });
    await systemClock.sleep(LOOK_MS);
  }
}

function start({ brokers, registryUrl, prefix, stateDir, limit }: Bench): BenchProcessor {
  const processor = new BenchProcessor([brokers, registryUrl, prefix, stateDir]);
  limit?.add(processor.pid);
  return processor;
}

/** Kills a processor, writes what it misses, starts it again; milliseconds until it has caught up. */
async function restart(
  bench: Bench,
  running: BenchProcessor,
  written: number,
  before: () => Promise<void>,
): Promise<readonly [BenchProcessor, string]> {
  // A kill amid a commit, not between two: these rows are on their way.
  await write(bench, written, written + MISSED);
  const startedMs = performance.now();
  await running.kill();
  await before();
  await write(bench, written + MISSED, written + 2 * MISSED);
  const processor = start(bench);
  const ms = await committed(bench, processor, written + 2 * MISSED, startedMs);
  const { restore, cost } = processor;
  const read =
    restore === null
      ? 'nothing restored'
      : `${restore.records} records restored in ${restore.ms} ms (${restore.from})`;
  const cpu = `${cost.cpuSeconds.toFixed(1)} CPU-seconds`;
  return [processor, `caught up after ${(ms / 1_000).toFixed(1)} s, ${cpu}, ${read}`];
}

async function removeState(path: string): Promise<void> {
  if (path !== '') await rm(path, { recursive: true, force: true });
}

async function run(bench: Bench, keys: number, say: (line: string) => void): Promise<void> {
  await write(bench, 0, keys);
  const startedMs = performance.now();
  let processor = start(bench);
  try {
    const ms = await committed(bench, processor, keys, startedMs);
    const { cpuSeconds, rssMib, peakMib } = processor.cost;
    const cost = `RSS ${Math.round(rssMib)} MiB, at most ${Math.round(peakMib)} MiB`;
    say(
      `load: ${Math.round((keys * 1_000) / ms)} records/s, ${Math.round(keys / cpuSeconds)} a CPU-second, ${cost}`,
    );
    let line: string;
    [processor, line] = await restart(bench, processor, keys, () => Promise.resolve());
    say(`warm: ${line}, RSS ${Math.round(processor.cost.rssMib)} MiB`);
    [processor, line] = await restart(bench, processor, keys + 2 * MISSED, () => removeState(bench.stateDir));
    say(`cold: ${line}, RSS at most ${Math.round(processor.cost.peakMib)} MiB`);
  } finally {
    await processor.kill();
  }
}

/** From kill -9 to caught up, with the state that is there and without it. */
export async function restartBench(argv: readonly string[]): Promise<number> {
  const parsed = parseOptions('npm run bench -- restart', OPTIONS, argv, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const { keys, state, memoryMib } = parsed.options;
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  say(METHOD);
  await using stack = await startStack(
    stackRequest(parsed.options, (text) => void process.stderr.write(`${text}\n`)),
  );
  const { kafkaBrokers: brokers, registryUrl } = stack;
  await using kafka = await connectKafka({
    brokers: brokers.split(','),
    clientId: 'restart-bench',
    log: silentLog,
    clock: systemClock,
  });
  await using producer = await kafka.openIdempotentProducer({ compression: 'lz4' });
  const prefix = `b${randomBytes(4).toString('hex')}`;
  const progress = progressTopicName(prefix);
  await kafka.ensureTopics([
    { name: topicName(prefix, rows), partitions: 1, config: TABLE_CONFIG },
    { name: progress, partitions: 1, config: TABLE_CONFIG },
  ]);
  const cut = encodeProgress({ endLsn: 1n, commitTs: 1n, systemId: '1', offsets: {} });
  const timestamp = systemClock.now();
  await producer.send([{ topic: progress, partition: 0, timestamp, key: Buffer.from('slot'), value: cut }]);
  const stateDir = state === 'memory' ? '' : await mkdtemp(join(tmpdir(), 'millrace-restart-'));
  using limit = memoryMib === undefined ? null : new MemoryLimit(memoryMib);
  say(
    `${keys} keys, state: ${state}${memoryMib === undefined ? '' : `, memory limited to ${memoryMib} MiB`}`,
  );
  try {
    await run({ kafka, producer, registryUrl, brokers, prefix, stateDir, limit }, keys, say);
  } finally {
    await removeState(stateDir);
  }
  return 0;
}
