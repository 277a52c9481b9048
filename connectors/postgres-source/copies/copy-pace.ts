import { type Clock, hasPassed } from '../../../infra/process/clock.ts';

const LOG_INTERVAL_MS = 5_000;

/** How a copy of a table goes, for the log and the metrics. */
export interface CopyReport {
  readonly rows: number;
  /** Of what the planner guesses; null where it guesses none. */
  readonly percent: number | null;
  readonly rowsPerSecond: number;
  readonly secondsLeft: number | null;
}

/** Measures the copy of one table since this process took it up. */
export class CopyPace {
  readonly #clock: Clock;
  readonly #estimatedRows: number;
  readonly #startedMs: number;
  readonly #startRows: number;
  #loggedMs: number;

  /** `startRows` were copied before. */
  constructor(clock: Clock, estimatedRows: number, startRows: number) {
    this.#clock = clock;
    this.#estimatedRows = estimatedRows;
    this.#startRows = startRows;
    this.#startedMs = clock.now();
    this.#loggedMs = this.#startedMs;
  }

  /** True at most once per interval. */
  get isDue(): boolean {
    const nowMs = this.#clock.now();
    if (!hasPassed(nowMs, this.#loggedMs, LOG_INTERVAL_MS)) return false;
    this.#loggedMs = nowMs;
    return true;
  }

  report(rows: number): CopyReport {
    const seconds = Math.max((this.#clock.now() - this.#startedMs) / 1000, 0.001);
    const rate = (rows - this.#startRows) / seconds;
    const all = Math.max(this.#estimatedRows, rows);
    const known = this.#estimatedRows > 0;
    return {
      rows,
      percent: known ? Math.floor((rows / all) * 100) : null,
      rowsPerSecond: Math.round(rate),
      secondsLeft: known && rate > 0 ? Math.ceil((all - rows) / rate) : null,
    };
  }
}
