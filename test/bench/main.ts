import { join } from 'node:path';
import { z } from 'zod';
import { COMPRESSIONS } from '../../connectors/kafka/compression.ts';
import { parseOptions } from '../../infra/process/options.ts';
import type { Options } from '../../infra/process/options.ts';
import { stackOptions, stackRequest } from '../../infra/local/stack-options.ts';
import { startStack } from '../../infra/local/start-stack.ts';
import { CLIENTS } from './client.ts';
import { endToEnd } from './end-to-end/end-to-end.ts';
import { figures } from './figures.ts';
import type { Figure } from './figures.ts';
import { idle } from './idle.ts';
import type { IdleFigures } from './idle.ts';
import { outboxLatency } from './outbox/latency.ts';
import { engineBenches } from './nexmark/engine-bench.ts';
import { installPeers } from './peers.ts';
import { restartBench } from './restart/restart-bench.ts';
import { sinkBench } from './sink/sink-bench.ts';
import { soak } from './soak.ts';
import { sourceBench } from './source/source-bench.ts';
import { sourceLatency } from './source/source-latency.ts';
import type { SoakFigures } from './soak.ts';
import { throughput } from './throughput.ts';

const PEERS_FOLDER = join(import.meta.dirname, '../../.local/bench-peers');
const BENCHES = ['produce', 'consume', 'soak', 'idle'] as const;
type Bench = (typeof BENCHES)[number];

/** Those with options and a method of their own. */
const OWN: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> = {
  source: sourceBench,
  'source-latency': sourceLatency,
  'end-to-end': endToEnd,
  sink: sinkBench,
  outbox: outboxLatency,
  restart: restartBench,
  ...engineBenches,
};
const USAGE = `npm run bench -- ${[...BENCHES, ...Object.keys(OWN)].join('|')}`;

const METHOD: Readonly<Record<Bench, string>> = {
  produce: `Real broker on this machine, one topic of 16 partitions, keys of 8 bytes and values of 200, acks=all, sends of
1000 records spread over all partitions, 8 sends in flight. Each run is a new process: warm-up 1.5 s, then what is
acknowledged is counted. Rate = records / CPU seconds of the client's process (user + system, all threads).
millrace: idempotent producer. kafkajs: its default producer (not idempotent), its own gzip, and for snappy, lz4 and zstd,
which it lacks, the libraries that millrace uses. socket: requests encoded once and sent again, the ceiling.`,
  consume: `Real broker on this machine, one topic of 16 partitions, keys of 8 bytes and values of 200, read from the
beginning, read-committed, every key and value looked at. Each run is a new process: the first fifth warms up, the rest is
measured. Rate = records / CPU seconds of the client's process (user + system, all threads).
millrace: fetcher, checksums verified. kafkajs: eachBatch. platformatic: flowing stream. kafka-crab-js: recvBatch.
socket: fetched and counted by batch headers, nothing decoded, the ceiling.`,
  soak: `One process writes and reads a topic of 8 partitions at full speed: an idempotent producer (lz4), a transactional one
(zstd, every tenth transaction aborted) and a read-committed fetcher. Memory is sampled each second; the medians of the
first and the last third are compared.`,
  idle: `One process with 20 group members, each with a fetcher at the end of its partition, and 20 transactional producers.
Settled for 5 s, then the process's CPU time (user + system) is taken as part of one core.`,
};

const OPTIONS = {
  ...stackOptions,
  json: {
    schema: z.stringbool().default(false),
    help: 'one line of JSON per figure, nothing else on stdout',
  },
  rounds: { schema: z.coerce.number().int().min(1).default(3), help: 'runs of each client, in turn' },
  seconds: {
    schema: z.coerce.number().positive().optional(),
    help: 'measured seconds: of a produce run (4), a soak (600), idle time (30)',
  },
  records: {
    schema: z.coerce.number().int().positive().default(3_200_000),
    help: 'records of a consume topic',
  },
  codecs: { schema: z.string().default(COMPRESSIONS.join(',')), help: 'codecs, comma-separated' },
  clients: { schema: z.string().default(CLIENTS.join(',')), help: 'clients, comma-separated' },
};

const say = (line: string): void => void process.stderr.write(`${line}\n`);

function line({
  case: name,
  metric,
  ours,
  ceiling,
  ratioCeiling,
  peer,
  theirs,
  ratioPeer,
  runs,
}: Figure): string {
  const against = peer === undefined ? '' : `, ${peer} ${theirs} (${ratioPeer}x)`;
  const limit = ceiling === undefined ? '' : `, ceiling ${ceiling} (${ratioCeiling})`;
  return `${name}: ${ours} ${metric}${against}${limit}, median of ${runs}`;
}

async function main(): Promise<number> {
  const [name = '', ...rest] = process.argv.slice(2);
  const own = OWN[name];
  if (own !== undefined) return await own(rest);
  const bench = BENCHES.find((known) => known === name);
  const parsed = parseOptions(USAGE, OPTIONS, bench === undefined ? ['--help'] : rest, process.env);
  if (bench === undefined || parsed.kind === 'help') {
    if (parsed.kind === 'help') process.stdout.write(parsed.text);
    return bench === undefined && name !== '--help' ? 2 : 0;
  }
  const { options } = parsed;
  if (!options.json) process.stdout.write(`${METHOD[bench]}\n`);
  await using stack = await startStack(stackRequest(options, say));
  const print = (figure: Figure): void =>
    void process.stdout.write(`${options.json ? JSON.stringify(figure) : line(figure)}\n`);
  if (bench === 'soak') printSoak(await soak(stack.kafkaBrokers, options.seconds ?? 600, say), print);
  else if (bench === 'idle') printIdle(await idle(stack.kafkaBrokers, options.seconds ?? 30), print);
  else await compare(bench, options, stack.kafkaBrokers, print);
  return 0;
}

type BenchOptions = Options<typeof OPTIONS>;

async function compare(
  what: 'produce' | 'consume',
  { clients, rounds, seconds = 4, records, codecs }: BenchOptions,
  brokers: string,
  print: (figure: Figure) => void,
): Promise<void> {
  const missing = await installPeers(PEERS_FOLDER);
  for (const [client, reason] of missing) say(`${client} does not install: ${reason}`);
  const wanted = clients.split(',');
  const runs = throughput({
    what,
    brokers,
    clients: CLIENTS.filter((client) => wanted.includes(client) && !missing.has(client)),
    peers: PEERS_FOLDER,
    rounds,
    seconds,
    records,
    codecs: COMPRESSIONS.filter((codec) => codecs.split(',').includes(codec)),
    onProgress: say,
  });
  for await (const { codec, results } of runs)
    for (const figure of figures(what, codec, results)) print(figure);
}

/** Flat memory is a ratio of 1: what the first third took, by what the last third takes. */
function printSoak(
  { firstThird, lastThird, records, seconds, rssMaxMib }: SoakFigures,
  print: (f: Figure) => void,
): void {
  say(`${records} records written and read in ${seconds} s, at most ${Math.round(rssMaxMib)} MiB`);
  for (const metric of ['rssMib', 'heapMib', 'externalMib'] as const)
    print({
      bench: 'soak',
      case: metric,
      metric: 'MiB of the last third, against the first',
      ours: Math.round(lastThird[metric]),
      ceiling: Math.round(firstThird[metric]),
      ratioCeiling: Math.round((firstThird[metric] / lastThird[metric]) * 100) / 100,
      runs: 1,
    });
}

function printIdle({ core, seconds }: IdleFigures, print: (figure: Figure) => void): void {
  const percent = Math.round(core * 10_000) / 100;
  print({
    bench: 'idle',
    case: `${seconds} s`,
    metric: '% of a core',
    ours: percent,
    ceiling: 2,
    ratioCeiling: Math.round((2 / percent) * 100) / 100,
    runs: 1,
  });
}

process.exitCode = await main();
