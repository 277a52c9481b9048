import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';

/** How often a long restore reports, milliseconds. */
const REPORT_MS = 5_000;

/** Tells how far a restore is: at intervals while it lasts, and when it is done. */
export class RestoreProgress {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #task: string;
  readonly #startedAt: number;
  #reportedAt: number;
  #records = 0;
  #total = 0;

  constructor(task: string, clock: Clock, log: Log) {
    this.#task = task;
    this.#clock = clock;
    this.#log = log;
    this.#startedAt = this.#reportedAt = clock.now();
  }

  get records(): number {
    return this.#records;
  }

  /** `offsets` are those between here and the end: with transaction markers, and what compaction took, more than records. */
  moved(records: number, offsets: number): void {
    this.#records += records;
    this.#total = Math.max(this.#total, offsets);
    if (!hasPassed(this.#clock.now(), this.#reportedAt, REPORT_MS)) return;
    this.#reportedAt = this.#clock.now();
    const seconds = (this.#reportedAt - this.#startedAt) / 1_000;
    const done = this.#total - offsets;
    this.#log.info(
      {
        task: this.#task,
        records: this.#records,
        remaining: offsets,
        percent: Math.floor((100 * done) / this.#total),
        perSecond: Math.round(this.#records / seconds),
        secondsLeft: done === 0 ? null : Math.ceil((offsets * seconds) / done),
      },
      'restoring state',
    );
  }

  /** `from` says where the restore began. */
  done(from: 'tail' | 'beginning'): void {
    const ms = this.#clock.now() - this.#startedAt;
    this.#log.info({ task: this.#task, records: this.#records, from, ms }, 'state restored');
  }
}
