import { type Clock, hasPassed } from '../../infra/process/clock.ts';
import type { Log } from '../../infra/process/log.ts';
import type { DeadLetter } from './dead-letter-table.ts';
import { plainName } from './target-table.ts';

/** Between two lines: a burst of bad rows must not fill the log. */
const LINE_INTERVAL_MS = 10_000;

/** Tells of dead letters that are committed, without their values: the last one, and how many since the line before. */
export class BadRowLog {
  readonly #log: Log;
  readonly #clock: Clock;
  #count = 0;
  #toldAt: number | null = null;

  constructor(log: Log, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  add(letters: readonly DeadLetter[]): void {
    const last = letters.at(-1);
    if (last === undefined) return;
    this.#count += letters.length;
    const now = this.#clock.now();
    if (this.#toldAt !== null && !hasPassed(now, this.#toldAt, LINE_INTERVAL_MS)) return;
    const { record, table, sqlstate, constraint, column } = last;
    const place = { topic: record.topic, partition: record.partition, offset: record.offset };
    this.#log.warn(
      { ...place, table: plainName(table), sqlstate, constraint, column, count: this.#count },
      'records were set aside in millrace.dead_letters; the rows of their keys may be out of date',
    );
    this.#toldAt = now;
    this.#count = 0;
  }
}
