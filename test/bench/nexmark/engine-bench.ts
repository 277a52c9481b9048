import { z } from 'zod';
import { COMPRESSIONS } from '../../../connectors/kafka/compression.ts';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import type { OptionSpecs } from '../../../infra/process/options.ts';
import { count } from '../../../infra/process/role-options.ts';
import { openPlace, untilInterrupted } from '../source/bench-place.ts';
import { QueryBench } from './query-bench.ts';
import type { Query } from './queries.ts';
import { queryFigures, queryTable } from './report.ts';
import { Systems } from './system.ts';

/** The benches of the engine by name, each with its queries. */
const ENGINE_BENCHES = {
  join: ['join'],
  enrich: ['enrich'],
  aggregate: ['hopping', 'tumbling'],
  'fk-join': ['fk-join'],
} as const satisfies Record<string, readonly Query[]>;

const METHOD = `Kafka and the registry on this machine, topics of 4 partitions. Events are those of Nexmark, each a function of its number,
Avro in the registry's frame, one a millisecond of event time, written before anybody reads them. Both systems read the same
topics in turn, from the beginning, as one process with one thread that works, exactly once, and write Avro; they commit
every 100 ms (ours sooner when there is nothing else to do). Ours is the processor role with its defaults and --flags, its
code compiled beforehand, as \`millrace processor\` keeps it. Each run has a group, internal topics and a
result topic of its own; its results are compared with SQL over the same events (number of rows and a sum of their hashes),
and a run with other results does not count.
Rates count from the first 20 % of the records to the last commit: the start of programs does not count. Records are those
of the inputs whose offsets are committed, CPU (user and system, all threads) and peak RSS are of the process, from /proc.
Latency is taken in runs of their own: events are written when their time has come; from that time (of the later event of a
pair; of a window: its end and grace) to the moment when a read-committed reader has the result in hand.
join      bids made while their auction was open (below q4, q9): stream-stream join, window of the longest auction, filter.
enrich    q20: bids with their auction, category 10: stream-table join, filter.
hopping   the windows of q5: bids per auction, 10 s every 2 s, grace 4 s, told when a window closes.
tumbling  the windows of q7 for each auction: highest price, 10 s, grace 4 s, told when a window closes.
fk-join   q3: auctions of category 10 with their seller where that is of one of three states: foreign-key table join.
Kafka Streams: version of the broker, exactly_once_v2, RocksDB, everything else by default, but stores of windows that keep
10 minutes (with its default it loses windows when it catches up). It looks for closed windows once a second. Avro by its
generic records, with readers, writers and ids kept. The virtual machine has what kafka-run-class.sh gives it, and the heap
of --peer-heap.`;

const OPTIONS = {
  ...stackOptions,
  rounds: { schema: count.default(3), help: 'runs of each system, in turn' },
  records: { schema: count.default(1_000_000), help: 'records that a query reads' },
  latencyRounds: {
    schema: z.coerce.number().int().min(0).default(3),
    help: 'paced runs of each system, in turn; 0 for none',
  },
  perSecond: { schema: count.default(2_000), help: 'records per second of a paced run that the query reads' },
  seconds: { schema: count.default(20), help: 'measured seconds of a paced run' },
  warmUpSeconds: {
    schema: count.default(10),
    help: 'seconds before them, from the moment on when the system has caught up',
  },
  flags: {
    schema: z
      .string()
      .default('')
      .transform((text) => text.split(' ').filter((flag) => flag !== '')),
    help: "more flags of the processor role, separated by blanks: --flags='--commit-interval-ms 50'",
  },
  peer: { schema: z.stringbool().default(true), help: 'measure Kafka Streams beside it' },
  peerHeap: {
    schema: z
      .string()
      .regex(/^\d+[mg]$/)
      .default('512m'),
    help: "largest heap of the peer's virtual machine",
  },
  compression: { schema: z.enum(COMPRESSIONS).default('none'), help: 'of producers, ours and the peer' },
  json: {
    schema: z.stringbool().default(false),
    help: 'one line of JSON per figure, nothing else on stdout',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

async function engineBench(bench: keyof typeof ENGINE_BENCHES, argv: readonly string[]): Promise<number> {
  const parsed = parseOptions(`npm run bench -- ${bench}`, OPTIONS, argv, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const { options } = parsed;
  const { perSecond, warmUpSeconds, seconds } = options;
  if (!options.json) process.stdout.write(`${METHOD}\n`);
  const say = (line: string): void => void process.stderr.write(`${line}\n`);
  await using place = await openPlace(stackRequest(options, say));
  await untilInterrupted(place, async () => {
    const systems = await Systems.open(place);
    for (const query of ENGINE_BENCHES[bench]) {
      const pace = { perSecond, warmUpSeconds, seconds };
      const results = await new QueryBench(place, systems, query, { ...options, pace }).run();
      const figures = queryFigures(bench, query, results);
      const lines = options.json
        ? figures.map((figure) => JSON.stringify(figure))
        : ['', queryTable(query, figures)];
      process.stdout.write(`${lines.join('\n')}\n`);
    }
  });
  return 0;
}

/** By name, as the command line gives it. */
export const engineBenches: Readonly<Record<string, (argv: readonly string[]) => Promise<number>>> =
  Object.fromEntries(
    (Object.keys(ENGINE_BENCHES) as (keyof typeof ENGINE_BENCHES)[]).map((bench) => [
      bench,
      (argv: readonly string[]) => engineBench(bench, argv),
    ]),
  );
