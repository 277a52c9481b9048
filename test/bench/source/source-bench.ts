import { z } from 'zod';
import { COMPRESSIONS } from '../../../connectors/kafka/compression.ts';
import { stackOptions, stackRequest } from '../../../infra/local/stack-options.ts';
import { Failure, describe } from '../../../infra/process/failure.ts';
import { parseOptions } from '../../../infra/process/options.ts';
import type { OptionSpecs, Options } from '../../../infra/process/options.ts';
import { count } from '../../../infra/process/role-options.ts';
import { createBenchDatabase } from './bench-database.ts';
import { openPlace, untilInterrupted } from './bench-place.ts';
import type { BenchPlace } from './bench-place.ts';
import { startDebezium } from './debezium-worker.ts';
import type { DebeziumWorker } from './debezium-worker.ts';
import {
  ceilingRun,
  copyRun,
  debeziumRun,
  debeziumSnapshotRun,
  readerRun,
  roleRun,
  snapshotRun,
} from './measurement.ts';
import type { Measuring } from './measurement.ts';
import { writeOrders } from './orders-table.ts';
import { PARTS, SIZES, chosenParts, mediansOf } from './part.ts';
import type { Part, PartFigures, PartRun } from './part.ts';
import { aimLine, sourceAims, sourceFigures, sourceTable } from './report.ts';
import { writeSegment } from './wal-segment.ts';

/** Held in memory, as the socket gave them: some 40 MB. */
const OFFLINE_ROWS_MAX = 100_000;

const COMMAND = 'npm run bench -- source';

const METHOD = `Postgres, Kafka and the registry on this machine. Rows (int8 key, text, numeric, timestamptz, bool, jsonb of some 100
bytes, int4) wait in the WAL before anybody reads them; each reader gets a copy of one slot, so all read the same bytes.
Runs take turns, figures are medians. Time, CPU and rows count from the first rows that come out of a reader to the last: the
start of programs does not, cold code does.
ceiling   pg_recvlogical with pgoutput protocol 1 to /dev/null; for the snapshot psql's COPY TO STDOUT to /dev/null.
          From the first byte that it writes.
drain     our socket alone: messages are framed and inserts counted. It lets messages gather, where pg_recvlogical is woken for
          each, so it may be above the ceiling.
reader    the source with Avro encoding and registry, its records thrown away instead of being produced.
peer      pg-logical-replication, pgoutput plugin, rows counted and dropped.
ours      the source role as a process: Avro, acks=all, exactly once. Time and rows from what a read-committed reader could see
          (last stable offsets every 20 ms; the rows are counted by reading them afterwards), CPU and RSS from /proc.
debezium  a distributed Kafka Connect worker with exactly-once source support, Debezium's Postgres connector and envelope, Avro
          by Apicurio's converter in the same registry, pgoutput, the same compression, larger batches than its default;
          one run more before its first counted one.
offline   the reader of a session over what it has read, in memory, again and again: CPU per row of a round, the median of seven.
big       all rows in one transaction; growth is the median RSS of the last third of the run less that of the first.`;

const OPTIONS = {
  ...stackOptions,
  only: {
    schema: z
      .string()
      .default('')
      .transform((list) => list.split(',').filter((word) => word !== '')),
    help: `parts to run, comma-separated, by name or a part of it: ${PARTS.join(', ')}`,
  },
  rounds: { schema: count.default(3), help: 'runs of each part, in turn' },
  rows: {
    schema: count.default(400_000),
    help: 'rows in transactions of 100 and 10,000, and of the snapshot',
  },
  singleRows: { schema: count.default(100_000), help: 'transactions of one row' },
  bigRows: { schema: count.default(2_000_000), help: 'rows of the one large transaction' },
  partitions: { schema: count.default(4), help: 'partitions of the topics' },
  compression: { schema: z.enum(COMPRESSIONS).default('none'), help: 'of producers, ours and the peers' },
  json: {
    schema: z.stringbool().default(false),
    help: 'one line of JSON per figure, nothing else on stdout',
    isSwitch: true,
  },
} as const satisfies OptionSpecs;

type SourceBenchOptions = Options<typeof OPTIONS>;

/** A part with how to run it once. */
type Runs = readonly (readonly [part: Part, run: (round: number) => Promise<PartRun>])[];

/** @throws Failure `config.invalid`, `bench.*`, `local.*` */
export async function sourceBench(argv: readonly string[]): Promise<number> {
  const parsed = parseOptions(COMMAND, OPTIONS, argv, process.env);
  if (parsed.kind === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const { options } = parsed;
  const chosen = chosenParts(options.only);
  if (chosen.size === 0)
    throw new Failure('config.invalid', 'stop', `--only ${options.only.join(',')} names no part`, {
      fix: `see ${COMMAND} --help`,
    });
  if (!options.json) process.stdout.write(`${METHOD}\n`);
  await using place = await openPlace(
    stackRequest(options, (line) => void process.stderr.write(`${line}\n`)),
  );
  const results = await untilInterrupted(place, () => new SourceBench(place, options, chosen).run());
  if (options.json)
    for (const figure of sourceFigures(results)) process.stdout.write(`${JSON.stringify(figure)}\n`);
  else process.stdout.write(`\n${sourceTable(results)}\n\n${sourceAims(results).map(aimLine).join('\n')}\n`);
  return 0;
}

class SourceBench {
  readonly #place: BenchPlace;
  readonly #options: SourceBenchOptions;
  readonly #chosen: ReadonlySet<Part>;
  readonly #measuring: Measuring;
  readonly #runs = new Map<Part, PartRun[]>();
  readonly #failed = new Set<Part>();
  #debezium: Promise<DebeziumWorker> | null = null;
  #isWarm = false;

  constructor(place: BenchPlace, options: SourceBenchOptions, chosen: ReadonlySet<Part>) {
    this.#place = place;
    this.#options = options;
    this.#chosen = chosen;
    this.#measuring = { place, partitions: options.partitions, compression: options.compression };
  }

  async run(): Promise<ReadonlyMap<Part, PartFigures>> {
    for (const size of SIZES) await this.#stream(size);
    await this.#offline();
    await this.#snapshot();
    await this.#big();
    return new Map([...this.#runs].map(([part, runs]) => [part, mediansOf(runs)]));
  }

  async #stream(size: (typeof SIZES)[number]): Promise<void> {
    if (!this.#wants(`-${size}`)) return;
    const rows = size === 1 ? this.#options.singleRows : this.#options.rows;
    this.#place.say(`writing ${rows} rows in transactions of ${size}`);
    const segment = await writeSegment(this.#place, { ...this.#options, rows, perTransaction: size });
    const measuring = this.#measuring;
    await this.#rounds(
      [
        [`ceiling-${size}`, () => ceilingRun(segment)],
        [`drain-${size}`, () => readerRun(measuring, segment, 'drain-run.ts')],
        [`reader-${size}`, () => readerRun(measuring, segment, 'reader-run.ts')],
        [`ours-${size}`, (round) => roleRun(measuring, segment, round)],
        [
          `debezium-${size}`,
          async (round) => {
            const worker = await this.#worker();
            // What the virtual machine has not compiled yet is no property of Debezium's.
            if (!this.#isWarm) await debeziumRun(measuring, worker, segment, 0);
            this.#isWarm = true;
            return await debeziumRun(measuring, worker, segment, round);
          },
        ],
        [`peer-${size}`, () => readerRun(measuring, segment, 'peer-run.ts')],
      ],
      this.#options.rounds,
    );
    await segment.drop();
  }

  async #offline(): Promise<void> {
    if (!this.#chosen.has('offline')) return;
    const rows = Math.min(this.#options.rows, OFFLINE_ROWS_MAX);
    const segment = await writeSegment(this.#place, { ...this.#options, rows, perTransaction: 100 });
    await this.#rounds(
      [['offline', () => readerRun(this.#measuring, segment, 'offline-run.ts')]],
      this.#options.rounds,
    );
    await segment.drop();
  }

  async #snapshot(): Promise<void> {
    if (!this.#wants('-snapshot')) return;
    const { rows } = this.#options;
    this.#place.say(`writing a table of ${rows} rows`);
    const database = await createBenchDatabase(this.#place);
    await writeOrders(database.client, 1, rows, rows);
    // Debezium makes none here, and nobody wants to meet the vacuum.
    await database.client.query('CREATE PUBLICATION millrace FOR TABLE orders, finish');
    await database.client.query('VACUUM ANALYZE orders');
    const measuring = this.#measuring;
    const ours = (mode: 'exported' | 'chunked') => async (round: number) =>
      await snapshotRun(measuring, database, rows, mode, round);
    await this.#rounds(
      [
        ['ceiling-snapshot', () => copyRun(database, rows)],
        ['ours-snapshot-exported', ours('exported')],
        ['ours-snapshot-chunked', ours('chunked')],
        [
          'debezium-snapshot',
          async (round) => {
            const worker = await this.#worker();
            if (!this.#isWarm) await debeziumSnapshotRun(measuring, worker, database, rows, 0);
            this.#isWarm = true;
            return await debeziumSnapshotRun(measuring, worker, database, rows, round);
          },
        ],
      ],
      this.#options.rounds,
    );
    await database.drop();
  }

  async #big(): Promise<void> {
    if (!this.#wants('-big')) return;
    const rows = this.#options.bigRows;
    this.#place.say(`writing one transaction of ${rows} rows`);
    const segment = await writeSegment(this.#place, { ...this.#options, rows, perTransaction: rows });
    await this.#rounds(
      [
        ['ceiling-big', () => ceilingRun(segment)],
        ['ours-big', (round) => roleRun(this.#measuring, segment, round)],
      ],
      1,
    );
    await segment.drop();
  }

  #wants(suffix: string): boolean {
    return [...this.#chosen].some((part) => `${part}-`.includes(`${suffix}-`));
  }

  async #rounds(runs: Runs, rounds: number): Promise<void> {
    for (let round = 1; round <= rounds; round++)
      for (const [part, run] of runs)
        if (this.#chosen.has(part) && !this.#failed.has(part)) await this.#once(part, round, run);
  }

  /** A part that does not run leaves the others their turn. */
  async #once(part: Part, round: number, run: (round: number) => Promise<PartRun>): Promise<void> {
    try {
      const result = await run(round);
      this.#runs.set(part, [...(this.#runs.get(part) ?? []), result]);
      const { rowsPerSecond, cpuMicrosPerRow, peakMib, rssMib } = result;
      const cpu = cpuMicrosPerRow === null ? '' : `, ${cpuMicrosPerRow.toFixed(2)} us of CPU per row`;
      const memory = peakMib === null ? '' : `, peak ${Math.round(peakMib)} MiB`;
      const thirds = rssMib === undefined ? '' : ` (${rssMib.map((mib) => Math.round(mib)).join(' -> ')})`;
      this.#place.say(`${part} round ${round}: ${Math.round(rowsPerSecond)} rows/s${cpu}${memory}${thirds}`);
    } catch (error) {
      if (this.#place.signal.aborted) throw error;
      this.#failed.add(part);
      this.#place.say(`${part} does not run: ${describe(error)}`);
    }
  }

  /** Started when it is first needed; it stays, so that its code is warm as that of a service. */
  async #worker(): Promise<DebeziumWorker> {
    this.#debezium ??= startDebezium(this.#place, {
      name: `bench_debezium_${process.pid}`,
      compression: this.#options.compression,
      tuning: 'throughput',
    });
    return await this.#debezium;
  }
}
