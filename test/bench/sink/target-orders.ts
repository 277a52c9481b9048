import { systemClock } from '../../../infra/process/clock.ts';
import { median } from '../figures.ts';
import type { BenchDatabase } from '../source/bench-database.ts';
import { costOf, forgetPeak } from '../source/process-cost.ts';
import type { ChangedRows, Milestone } from './changed-rows.ts';
import { postgresCpuSeconds } from './postgres-cost.ts';
import type { PartRun } from './part.ts';

const SAMPLE_MS = 25;
/** Milestones of a partition that one look asks for: looking must cost the server next to nothing. */
const LOOK_AHEAD = 2;
const STALLED_MS = 60_000;
/** Space for updates in a page, as the sink makes its tables. */
const FILLFACTOR = 85;

/** Every run finds the same table: half of the rows are in it, with other values. */
export async function resetOrders({ client }: BenchDatabase): Promise<void> {
  await client.query('DROP TABLE IF EXISTS orders');
  await client.query(`CREATE TABLE orders (
    id int8 PRIMARY KEY, customer text, amount numeric(12,2), created_at timestamptz, paid bool, details jsonb, quantity int4)
    WITH (fillfactor = ${FILLFACTOR}, autovacuum_enabled = off)`);
  await client.query('INSERT INTO orders SELECT * FROM before ORDER BY id');
  await client.query('VACUUM ANALYZE orders');
  await client.query('CHECKPOINT');
}

/** @throws Error when the table is not what the records say */
export async function checkOrders({ value }: BenchDatabase): Promise<void> {
  const digest = (table: string): Promise<string> =>
    value(`SELECT count(*) || ' rows, hash ' || sum(hashtextextended(
      (id, customer, amount, created_at, paid, details, quantity)::text, 0)::numeric) FROM ${table}`);
  const [wanted, found] = [await digest('changes'), await digest('orders')];
  if (wanted !== found) throw new Error(`the target is wrong: ${found} instead of ${wanted}`);
}

interface Sample {
  readonly at: number;
  readonly rows: number;
  readonly cpuSeconds: number;
  readonly postgresSeconds: number;
  readonly rssMib: number;
}

interface TargetWatch {
  readonly database: BenchDatabase;
  readonly changes: ChangedRows;
  /** Of the writers, when `start` is over. */
  readonly pids: () => readonly number[];
  /** Rejects when a writer ends. */
  readonly failed: Promise<never>;
}

/** What writers do between their first rows and their last, by the rows that stand at known places of their partitions. */
export async function watchOrders(
  { database, changes, pids, failed }: TargetWatch,
  start: () => Promise<void>,
): Promise<PartRun> {
  const postgres = await postgresCpuSeconds(database);
  const progress = new Progress(database, changes);
  await Promise.race([start(), failed]);
  for (const pid of pids()) forgetPeak(pid);
  const sample = async (): Promise<Sample> => {
    const rows = await progress.rows();
    const costs = pids().map(costOf);
    const sum = (of: (cost: (typeof costs)[number]) => number): number =>
      costs.reduce((total, cost) => total + of(cost), 0);
    const [cpuSeconds, rssMib] = [sum((cost) => cost.cpuSeconds), sum((cost) => cost.rssMib)];
    return { at: performance.now(), rows, cpuSeconds, postgresSeconds: postgres(), rssMib };
  };
  const samples: Sample[] = [];
  let changedAt = performance.now();
  for (;;) {
    const now = await Promise.race([sample(), failed]);
    if (now.rows > (samples.at(-1)?.rows ?? 0)) {
      samples.push(now);
      changedAt = now.at;
    }
    if (now.rows >= progress.all) break;
    if (now.at - changedAt > STALLED_MS)
      throw new Error(`it stands still at ${now.rows} of ${changes.rows} rows`);
    await systemClock.sleep(SAMPLE_MS);
  }
  const peakMib = pids().reduce((total, pid) => total + costOf(pid).peakMib, 0);
  return runOf(samples, peakMib);
}

function runOf(samples: readonly Sample[], peakMib: number): PartRun {
  const [first, last] = [samples[0], samples.at(-1)];
  if (first === undefined || last === undefined || first === last)
    throw new Error('too few rows: all came between two looks');
  const rows = last.rows - first.rows;
  const third = Math.max(1, Math.floor(samples.length / 3));
  const rss = (part: readonly Sample[]): number => median(part.map(({ rssMib }) => rssMib));
  return {
    rowsPerSecond: rows / ((last.at - first.at) / 1e3),
    cpuMicrosPerRow: ((last.cpuSeconds - first.cpuSeconds) / rows) * 1e6,
    postgresMicrosPerRow: ((last.postgresSeconds - first.postgresSeconds) / rows) * 1e6,
    peakMib,
    rssMib: [rss(samples.slice(0, third)), rss(samples.slice(-third))],
  };
}

/** How many rows have come: looks only for milestones, by the primary key. */
class Progress {
  readonly #database: BenchDatabase;
  readonly #changes: ChangedRows;
  /** By partition: milestones that have been seen. */
  readonly #seen: number[];

  constructor(database: BenchDatabase, changes: ChangedRows) {
    this.#database = database;
    this.#changes = changes;
    this.#seen = changes.milestones.map(() => 0);
  }

  /** What {@link rows} comes to. */
  get all(): number {
    return this.#changes.milestones.reduce((sum, marks) => sum + (marks.at(-1)?.rows ?? 0), 0);
  }

  async rows(): Promise<number> {
    const { milestones } = this.#changes;
    for (;;) {
      const asked = milestones.map((marks, p) =>
        marks.slice(this.#seen[p], (this.#seen[p] ?? 0) + LOOK_AHEAD),
      );
      const found = await this.#present(asked.flat());
      let isPassed = false;
      for (const [p, marks] of asked.entries()) {
        const missing = marks.findIndex(({ id }) => !found.has(id));
        this.#seen[p] = (this.#seen[p] ?? 0) + (missing < 0 ? marks.length : missing);
        isPassed ||= marks.length > 0 && missing < 0;
      }
      if (!isPassed)
        return milestones.reduce((sum, marks, p) => sum + (marks[(this.#seen[p] ?? 0) - 1]?.rows ?? 0), 0);
    }
  }

  async #present(marks: readonly Milestone[]): Promise<ReadonlySet<string>> {
    const { rows } = await this.#database.client.query<[string]>({
      name: 'bench_progress',
      text: 'SELECT id::text FROM orders WHERE id = ANY($1::int8[])',
      values: [marks.map(({ id }) => id)],
      rowMode: 'array',
    });
    return new Set(rows.map(([id]) => id));
  }
}
