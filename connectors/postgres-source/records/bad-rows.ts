import { AssertionFailure } from '../../../infra/process/assert.ts';
import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { TOMBSTONE_HEADERS } from '../../../schemas/change-event.ts';
import type { ProducerRecord } from '../../kafka/port.ts';
import { type BadRow, type BadRowReason, deadLetter, deadLetterTopic } from './dead-letter.ts';
import { lsnText } from '../place/lsn.ts';

/**
 * What to do about a row that cannot be encoded or is too large. `stop` (default): a row that is set aside leaves its
 * key in the topic as it was before, and whoever reads the topic cannot tell; so that is for the operator to allow.
 */
export type OnBadRow = 'stop' | 'dead-letter';

export interface BadRowsOptions {
  readonly onBadRow: OnBadRow;
  readonly topicPrefix: string;
  readonly slotName: string;
  readonly onDeadLetter: (schema: string, table: string) => void;
  readonly log: Log;
  readonly clock: Clock;
}

/** A table with many bad rows says so this often. */
const LOG_INTERVAL_MS = 10_000;

/** Bad rows become dead letters, or end the session: the one place that decides. */
export class BadRows {
  readonly #options: BadRowsOptions;
  readonly #topic: string;
  /** Per table: letters, and when the log was told. */
  readonly #tables = new Map<string, { letters: number; loggedMs: number }>();

  constructor(options: BadRowsOptions) {
    this.#options = options;
    this.#topic = deadLetterTopic(options.topicPrefix).name;
  }

  /** The letter that goes out in place of the row's record. @throws Failure (stop) under the policy `stop` */
  setAside(bad: BadRow, reason: BadRowReason): ProducerRecord {
    const { onBadRow, slotName, onDeadLetter } = this.#options;
    if (onBadRow === 'stop') throw stopped(bad, reason);
    const letter = deadLetter(this.#topic, slotName, bad, reason);
    onDeadLetter(bad.schema.schema, bad.schema.table);
    this.#tell(bad, reason);
    return letter;
  }

  #tell(bad: BadRow, reason: BadRowReason): void {
    const { clock, log } = this.#options;
    const table = `${bad.schema.schema}.${bad.schema.table}`;
    const entry = this.#tables.get(table) ?? { letters: 0, loggedMs: Number.NEGATIVE_INFINITY };
    this.#tables.set(table, entry);
    entry.letters++;
    if (!hasPassed(clock.now(), entry.loggedMs, LOG_INTERVAL_MS)) return;
    entry.loggedMs = clock.now();
    const { code, message: why } = reason;
    const fields = { table, ...placeOf(bad), topic: this.#topic, code, why, letters: entry.letters };
    log.warn(fields, 'row set aside as a dead letter');
  }
}

/** Whether an error that encoding threw is the row's own; others are the session's. */
export function isRowsOwn(error: unknown): boolean {
  if (error instanceof Failure) return error.order === 'stop' || error.order === 'dead-letter';
  return error instanceof Error && !(error instanceof AssertionFailure);
}

function stopped(bad: BadRow, reason: BadRowReason): Failure {
  const { lsn, seq } = placeOf(bad);
  const table = `${bad.schema.schema}.${bad.schema.table}`;
  // No cause: a decoder's own message may quote the value.
  return new Failure(reason.code, 'stop', `${reason.message} (change ${lsn}/${seq} of ${table})`, {
    fix: 'change the row or the column in the source, or set bad rows aside: --on-bad-row dead-letter',
  });
}

function placeOf({ head, seq }: BadRow): { readonly lsn: string; readonly seq: number } {
  const lsn = head.identityHeaders.find(({ key }) => key === TOMBSTONE_HEADERS.lsn)?.value;
  return { lsn: lsnText(BigInt(String(lsn))), seq };
}
