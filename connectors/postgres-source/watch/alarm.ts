import { hasPassed } from '../../../infra/process/clock.ts';
import type { Log } from '../../../infra/process/log.ts';

/** Something that an operator should know before it stops the source. */
export interface Alarm {
  /** Stable and dotted, as a Failure's code. */
  readonly code: string;
  readonly level: 'warn' | 'error';
  /** What it is about, when there may be several of one code: a table. */
  readonly about?: string;
  /** A setting that may well be meant so: told once. */
  readonly once?: boolean;
  readonly message: string;
  /** What to do, in the imperative. */
  readonly fix: string;
}

/** A standing alarm is logged again after this long. */
const REPEAT_MS = 10 * 60_000;

/** Logs an alarm when it is raised, when it worsens, now and then while it stands, and when it is over. */
export class AlarmBoard {
  readonly #log: Log;
  readonly #standing = new Map<string, { readonly alarm: Alarm; readonly loggedMs: number }>();

  constructor(log: Log) {
    this.#log = log;
  }

  /** `alarms` are all that stand now; those that stood and are not among them are over. */
  show(alarms: readonly Alarm[], nowMs: number): void {
    const now = new Map(alarms.map((alarm) => [`${alarm.code} ${alarm.about ?? ''}`, alarm]));
    for (const [key, { alarm }] of this.#standing)
      if (!now.has(key)) {
        this.#standing.delete(key);
        this.#log.info({ alarm: alarm.code, about: alarm.about }, `over: ${alarm.message}`);
      }
    for (const [key, alarm] of now) {
      const before = this.#standing.get(key);
      const news = before === undefined || before.alarm.level !== alarm.level;
      if (!news && (alarm.once === true || !hasPassed(nowMs, before.loggedMs, REPEAT_MS))) continue;
      this.#standing.set(key, { alarm, loggedMs: nowMs });
      this.#log[alarm.level](
        { alarm: alarm.code, about: alarm.about },
        `${alarm.message}\n  fix: ${alarm.fix}`,
      );
    }
  }
}
