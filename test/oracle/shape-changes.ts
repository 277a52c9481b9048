import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Clock } from '../../infra/process/clock.ts';
import { type Random, between, pick } from '../chaos/fault-lane.ts';
import type { ChaosTable } from '../chaos/source/chaos-table.ts';
import { databaseSession } from '../chaos/source/database-session.ts';
import { randomShapeChange } from '../chaos/source/random-ddl.ts';
import { learnColumns } from '../chaos/source/shape-changer.ts';

const BACKFILL = fileURLToPath(new URL('../../connectors/postgres-source/backfill.ts', import.meta.url));
const BACKFILL_MAX_MS = 120_000;
const PAUSE_MS = { from: 1_000, to: 4_000 };

/** Adds, drops, renames and widens columns while rows are written. */
export class ShapeChanges {
  done = 0;
  readonly #url: string;
  readonly #tables: readonly ChaosTable[];
  readonly #random: Random;
  readonly #clock: Clock;
  /** Rows from before say nothing about a column that was renamed, or added with a default: they are to be read again. */
  readonly #stale = new Set<string>();
  #columns = 0;

  /** @param url a superuser's */
  constructor(url: string, tables: readonly ChaosTable[], random: Random, clock: Clock) {
    this.#url = url;
    this.#tables = tables;
    this.#random = random;
    this.#clock = clock;
  }

  async run(signal: AbortSignal): Promise<void> {
    await using session = databaseSession(this.#url);
    while (!signal.aborted) {
      await this.#clock.sleep(between(this.#random, PAUSE_MS), signal);
      const table = pick(this.#random, this.#tables);
      const { sql, rename, added } = randomShapeChange(this.#random, table, () => `c${++this.#columns}`);
      // Noted before it is done: whether a change whose session is lost has come through is not known.
      if (rename !== undefined || added !== undefined) this.#stale.add(table.name);
      // A lock that was not to be had, or a server that is down.
      const isDone = await session.sql(`SET lock_timeout = '3s'; ${sql}`).then(
        () => true,
        () => false,
      );
      if (isDone) this.done++;
      await learnColumns(session, this.#clock, table);
    }
  }

  /**
   * Has the rows read again that do not say all of their table, as a person is told to after such a change.
   * @param roleUrl the source's own, in the source database
   */
  async backfill(roleUrl: string, publication: string): Promise<readonly string[]> {
    const tables = [...this.#stale];
    for (const table of tables) {
      const args = [
        BACKFILL,
        `public.${table}`,
        '--database-url',
        roleUrl,
        '--publication-name',
        publication,
      ];
      await promisify(execFile)(process.execPath, args, { timeout: BACKFILL_MAX_MS });
      this.#stale.delete(table);
    }
    return tables;
  }
}
