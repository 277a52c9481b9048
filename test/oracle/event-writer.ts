import type { Clock } from '../../infra/process/clock.ts';
import { type Random, between, pick, whole } from '../chaos/fault-lane.ts';
import { databaseSession } from '../chaos/source/database-session.ts';

/** Where the events' own time begins, milliseconds. */
const EPOCH_MS = 1_700_000_000_000;
/** Between two transactions, of the events' time. */
const STEP_MS = { from: 5, to: 200 };
/** How far behind the newest event one may be. */
const LATE_MS = 1_500;
const VISITORS = 60;
const EVENTS_MAX = 6;
const PLAN_SHARE = 0.25;
const ROLLBACK_SHARE = 0.1;
const PLANS = ['free', 'basic', 'gold', "it's", 'grüße'];
/** Commit times of two transactions are never the same millisecond: as of it both would be right. */
const PAUSE_MS = { from: 3, to: 30 };
const TROUBLE_PAUSE_MS = 200;
/** Beyond every window and its grace. */
const CLOSING_MS = 3_600_000;
/** Enough that each partition of a topic by visitor has one of them. */
const CLOSERS = 64;

/** Writes events, one transaction after the other, in the order of their time but for {@link LATE_MS}. */
export class EventWriter {
  committed = 0;
  readonly #url: string;
  readonly #random: Random;
  readonly #clock: Clock;
  #now = EPOCH_MS;
  #id = 0;

  constructor(url: string, random: Random, clock: Clock) {
    this.#url = url;
    this.#random = random;
    this.#clock = clock;
  }

  /** Until the signal aborts. What becomes of a transaction whose session is lost does not matter: the tables say it. */
  async run(signal: AbortSignal): Promise<void> {
    await using session = databaseSession(this.#url);
    while (!signal.aborted) {
      this.#now += between(this.#random, STEP_MS);
      const end = this.#random() < ROLLBACK_SHARE ? 'ROLLBACK' : 'COMMIT';
      try {
        await session.sql(`BEGIN; ${this.#changes().join('; ')}; ${end}`);
        this.committed++;
        await this.#clock.sleep(between(this.#random, PAUSE_MS), signal);
      } catch {
        await session.sql('ROLLBACK').catch(() => undefined);
        await this.#clock.sleep(TROUBLE_PAUSE_MS, signal);
      }
    }
  }

  /** Moves the events' time on until every window has closed. To be called when all that was written is processed. */
  async close(): Promise<void> {
    await using session = databaseSession(this.#url);
    this.#now += CLOSING_MS;
    const rows = (columns: string): string =>
      `SELECT ${this.#id} + g, -g, ${this.#now}, ${columns} FROM generate_series(1, ${CLOSERS}) g`;
    await session.sql(`BEGIN; INSERT INTO clicks ${rows('NULL')}; INSERT INTO buys ${rows('0')}; COMMIT`);
    this.#id += CLOSERS;
  }

  #changes(): string[] {
    const random = this.#random;
    const visitor = (): number => whole(random, VISITORS);
    return Array.from({ length: 1 + whole(random, EVENTS_MAX) }, () => {
      if (random() < PLAN_SHARE) {
        const plan = pick(random, PLANS).replaceAll("'", "''");
        return `INSERT INTO profiles VALUES (${visitor()}, '${plan}') ON CONFLICT (visitor) DO UPDATE SET plan = excluded.plan`;
      }
      const at = this.#now - whole(random, LATE_MS);
      const id = ++this.#id;
      return random() < 0.6
        ? `INSERT INTO clicks VALUES (${id}, ${visitor()}, ${at}, '/page/${whole(random, 100)}')`
        : `INSERT INTO buys VALUES (${id}, ${visitor()}, ${at}, ${whole(random, 10_000)})`;
    });
  }
}
