import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import type { OptionSpecs, Options } from '../../../infra/process/options.ts';
import { count } from '../../../infra/process/role-options.ts';
import { z } from 'zod';
import { createBenchDatabase } from '../source/bench-database.ts';
import type { BenchDatabase } from '../source/bench-database.ts';
import { openPlace, untilInterrupted } from '../source/bench-place.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import { ceilingRun } from './ceiling.ts';
import { writeChanges } from './changed-rows.ts';
import type { ChangedRows } from './changed-rows.ts';
import { jdbcRun, startJdbcWorker } from './jdbc-sink.ts';
import type { ConnectWorker } from '../connect-worker.ts';
import { PARTS, SIZES, chosenParts, mediansOf } from './part.ts';
import type { Part, PartFigures, PartRun, Size } from './part.ts';
import { aimLine, sinkAims, sinkFigures, sinkTable } from './report.ts';
import { sinkRun } from './sink-role.ts';
import { checkOrders, resetOrders } from './target-orders.ts';

const COMMAND = 'npm run bench -- sink';

const METHOD = `Postgres, Kafka and the registry on this machine. One table (int8 key, text, numeric, timestamptz, bool, jsonb of some 100
bytes, int4) with half of the rows in it already: half of the records are updates, half new rows, in an order that the key's
index does not like. The records wait in a topic, as Avro. Parts take turns, figures are medians. Before each run the table
is made anew, vacuumed, and a checkpoint taken; after each run its rows are counted and hashed against what was written.
synchronous_commit is off everywhere.
ceiling   the server by itself: INSERT .. SELECT .. ON CONFLICT DO UPDATE out of an unlogged table with the same rows, a commit
          after each batch, one session; "two": two sessions at once, half of the rows each.
ours      the sink role as a process: exactly once, one session; "two": two processes that share the partitions.
debezium  a Kafka Connect worker with Debezium's JDBC sink, upsert by the record's key, at least once (it has no other), one
          task, Apicurio's Avro converter, batch.size and max.poll.records as the size says, its reduction buffer and UNNEST
          inserts on; one run more before its first counted one.
Time of ceilings: of the whole statement. Of the others, from the first rows that can be seen in the table to the last, which
is looked for every 25 ms by primary keys that stand at known places of each partition. CPU and RSS from /proc: of the
writers' processes, and of all of the server's.`;

const OPTIONS = {
  ...stackOptions,
  only: {
    schema: z
      .string()
      .default('')
      .transform((list) => list.split(',').filter((word) => word !== '')),
    help: `parts to run, comma-separated, by name or a part of it: ${PARTS.join(', ')}`,
  },
  peer: { schema: z.stringbool().default(true), help: "false leaves Debezium's sink out" },
  rounds: { schema: count.default(3), help: 'runs of each part, in turn' },
  rows: { schema: count.default(1_000_000), help: 'records in the topic' },
  partitions: { schema: count.default(4), help: 'partitions of the topic' },
  json: {
    schema: z.stringbool().default(false),
    help: 'one line of JSON per figure, nothing else on stdout',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

type SinkBenchOptions = Options<typeof OPTIONS>;

/** @throws Failure `config.invalid`, `bench.*`, `local.*` */
export async function sinkBench(argv: readonly string[]): Promise<number> {
  const parsed = parseOptions(COMMAND, OPTIONS, argv, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const { options } = parsed;
  const chosen = new Set(
    [...chosenParts(options.only)].filter((part) => options.peer || !part.startsWith('debezium')),
  );
  if (chosen.size === 0)
    throw new Failure('config.invalid', 'stop', `--only ${options.only.join(',')} names no part`, {
      fix: `see ${COMMAND} --help`,
    });
  if (!options.json) process.stdout.write(`${METHOD}\n`);
  await using place = await openPlace(
    stackRequest(options, (line) => void process.stderr.write(`${line}\n`)),
  );
  const results = await untilInterrupted(place, () => new SinkBench(place, options, chosen).run());
  if (options.json)
    for (const figure of sinkFigures(results)) process.stdout.write(`${JSON.stringify(figure)}\n`);
  else process.stdout.write(`\n${sinkTable(results)}\n\n${sinkAims(results).map(aimLine).join('\n')}\n`);
  return 0;
}

class SinkBench {
  readonly #place: BenchPlace;
  readonly #options: SinkBenchOptions;
  readonly #chosen: ReadonlySet<Part>;
  readonly #runs = new Map<Part, PartRun[]>();
  readonly #failed = new Set<Part>();
  #worker: Promise<ConnectWorker> | null = null;
  #isWarm = false;
  #count = 0;

  constructor(place: BenchPlace, options: SinkBenchOptions, chosen: ReadonlySet<Part>) {
    this.#place = place;
    this.#options = options;
    this.#chosen = chosen;
  }

  async run(): Promise<ReadonlyMap<Part, PartFigures>> {
    const { rows, partitions, rounds } = this.#options;
    const database = await createBenchDatabase(this.#place);
    this.#place.say(`writing ${rows} records`);
    const changes = await writeChanges(this.#place, database, rows, partitions);
    for (let round = 1; round <= rounds; round++)
      for (const size of SIZES)
        for (const [part, run] of this.#runsOf(database, changes, size))
          if (this.#chosen.has(part) && !this.#failed.has(part)) await this.#once(database, part, round, run);
    await database.drop();
    const inOrder = PARTS.flatMap((part) => {
      const runs = this.#runs.get(part);
      return runs === undefined ? [] : [[part, mediansOf(runs)] as const];
    });
    return new Map(inOrder);
  }

  #runsOf(
    database: BenchDatabase,
    changes: ChangedRows,
    size: Size,
  ): readonly (readonly [part: Part, run: () => Promise<PartRun>])[] {
    const ours = (instances: number) => () => {
      const name = `sink${++this.#count}`;
      return sinkRun(this.#place, database, changes, { name, batchRows: size, instances });
    };
    const debezium = async (): Promise<PartRun> => {
      this.#worker ??= startJdbcWorker(this.#place, `bench_jdbc_${process.pid}`);
      const worker = await this.#worker;
      const once = (): Promise<PartRun> => jdbcRun(worker, database, changes, `jdbc${++this.#count}`, size);
      // What the virtual machine has not compiled yet is no property of Debezium's.
      if (!this.#isWarm) {
        await once();
        await resetOrders(database);
      }
      this.#isWarm = true;
      return await once();
    };
    return [
      [`ceiling-${size}`, () => ceilingRun(database, changes, size, 1)],
      [`ours-${size}`, ours(1)],
      [`ceiling-two-${size}`, () => ceilingRun(database, changes, size, 2)],
      [`ours-two-${size}`, ours(2)],
      [`debezium-${size}`, debezium],
    ];
  }

  /** A part that does not run leaves the others their turn. */
  async #once(
    database: BenchDatabase,
    part: Part,
    round: number,
    run: () => Promise<PartRun>,
  ): Promise<void> {
    try {
      await resetOrders(database);
      const result = await run();
      await checkOrders(database);
      this.#runs.set(part, [...(this.#runs.get(part) ?? []), result]);
      const { rowsPerSecond, cpuMicrosPerRow, postgresMicrosPerRow, peakMib, rssMib } = result;
      const cpu = cpuMicrosPerRow === null ? '' : `${cpuMicrosPerRow.toFixed(2)} + `;
      const memory = peakMib === null ? '' : `, peak ${Math.round(peakMib)} MiB`;
      const thirds = rssMib === null ? '' : ` (${rssMib.map((mib) => Math.round(mib)).join(' -> ')})`;
      this.#place.say(
        `${part} round ${round}: ${Math.round(rowsPerSecond)} rows/s, ` +
          `${cpu}${postgresMicrosPerRow.toFixed(2)} us of CPU per row${memory}${thirds}`,
      );
    } catch (error) {
      if (this.#place.signal.aborted) throw error;
      this.#failed.add(part);
      this.#place.say(`${part} does not run: ${describe(error)}`);
    }
  }
}
