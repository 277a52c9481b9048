import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { BenchPlace } from './bench-place.ts';
import type { WalSegment } from './wal-segment.ts';

const RUN_TIMEOUT_MS = 300_000;

/** A reader in a process of its own, as the bench asks for it. */
export interface RunSpec {
  readonly url: string;
  readonly brokers: string;
  readonly registryUrl: string;
  /** Name of database, slot, prefix. */
  readonly name: string;
  readonly slot: string;
  readonly rows: number;
}

export interface ReaderRun {
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number;
  readonly peakMib: number;
}

/** Runs `program` of this folder on a segment. @returns what it prints, as JSON */
export async function runReader(
  { stack }: BenchPlace,
  program: string,
  segment: WalSegment,
  slot: string,
): Promise<ReaderRun> {
  const { rows, database } = segment;
  const spec: RunSpec = {
    url: database.url,
    brokers: stack.kafkaBrokers,
    registryUrl: stack.registryUrl,
    name: database.name,
    slot,
    rows,
  };
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(import.meta.dirname, program), JSON.stringify(spec)],
    { timeout: RUN_TIMEOUT_MS },
  );
  return JSON.parse(stdout) as ReaderRun;
}

/** Counts rows as they come, and measures from the first ones to the last. */
export class RowCounter {
  readonly #spec: RunSpec;
  readonly #done = Promise.withResolvers<ReaderRun>();
  #rows = 0;
  #first: { readonly rows: number; readonly at: number; readonly cpu: NodeJS.CpuUsage } | null = null;

  constructor(spec: RunSpec) {
    this.#spec = spec;
  }

  get done(): Promise<ReaderRun> {
    return this.#done.promise;
  }

  add(rows: number): void {
    this.#rows += rows;
    if (this.#first === null)
      this.#first = { rows: this.#rows, at: performance.now(), cpu: process.cpuUsage() };
    else if (this.#rows >= this.#spec.rows) {
      const counted = this.#rows - this.#first.rows;
      const { user, system } = process.cpuUsage(this.#first.cpu);
      this.#done.resolve({
        rowsPerSecond: counted / ((performance.now() - this.#first.at) / 1e3),
        cpuMicrosPerRow: (user + system) / counted,
        peakMib: process.resourceUsage().maxRSS / 1024,
      });
    }
  }
}
