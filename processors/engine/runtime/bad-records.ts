import type { ConsumerRecord } from '../../../connectors/kafka/port.ts';
import { AssertionFailure } from '../../../infra/process/assert.ts';
import { type Clock, hasPassed } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { type BadRecordPolicies, type ErrorPolicy, LOSSES, isRuntimeFault } from '../bad-record-policies.ts';
import { type BadRecord, type DeadLetterEncoder, placeOf } from './dead-letter.ts';
import type { PendingOutput } from './pending-output.ts';

/** Milliseconds between two lines: a burst of bad records must not fill the log. */
const LINE_INTERVAL_MS = 10_000;

interface BadRecordParts {
  readonly policies: BadRecordPolicies;
  readonly pending: PendingOutput;
  /** Null where no policy asks for letters. */
  readonly letter: DeadLetterEncoder | null;
  readonly log: Log;
  readonly clock: Clock;
}

/** What a source or an operator has dropped. */
export type Drop = Pick<BadRecord, 'node' | 'reason'>;

/** What a buffer asks when it comes to a bad record, and what it tells of the good ones. */
export interface BadRecordJudge {
  /** Sets a record aside whose bytes cannot be decoded, or that no function can take. @throws the error where the policy is `fail` */
  setAside(raw: ConsumerRecord, reason: 'undecodable' | 'failed', error: unknown): void;
  /** The record has been through the operators, or no source made anything of it. `refusal` is the first loss at a source. */
  passed(raw: ConsumerRecord, refusal: Drop | null): void;
}

/** Where nobody has said what to do about them. */
export const noBadRecords: BadRecordJudge = {
  setAside(_raw, _reason, error) {
    throw error;
  },
  passed: () => undefined,
};

/**
 * The bad records of a process, between two commits: each goes with the offsets that have moved past it, its letter in
 * the same transaction.
 */
export class BadRecords implements BadRecordJudge {
  readonly #parts: BadRecordParts;
  /** The first loss among what operators have dropped of the record at work. */
  #dropped: Drop | null = null;
  /** Since the last line, in commits and since the last commit. */
  #count = 0;
  #uncommitted = 0;
  #last: BadRecord | null = null;
  #toldAt: number | null = null;
  #commitIsDue = false;

  constructor(parts: BadRecordParts) {
    this.#parts = parts;
  }

  /**
   * Whether a record that failed has been set aside: what has been processed is committed before the next one can fail, so
   * that no record is processed more than twice, however many are bad.
   */
  get commitIsDue(): boolean {
    return this.#commitIsDue;
  }

  /** Whether the process may go on without the record that this error came from. An error of our own is not the record's. */
  canSetAside(error: unknown): boolean {
    if (this.#parts.policies.processing === 'fail' || isRuntimeFault(error)) return false;
    return !(error instanceof Error && error.cause instanceof AssertionFailure);
  }

  setAside(raw: ConsumerRecord, reason: 'undecodable' | 'failed', error: unknown): void {
    const { deserialization, processing } = this.#parts.policies;
    const policy = reason === 'undecodable' ? deserialization : processing;
    if (policy === 'fail') throw error;
    if (reason === 'failed') this.#commitIsDue = true;
    this.#note({ raw, reason, error, node: null }, policy);
  }

  passed(raw: ConsumerRecord, refusal: Drop | null): void {
    if (refusal !== null && this.#isLetter(refusal)) this.#dropped = refusal;
    if (this.#dropped === null) return;
    const { node, reason } = this.#dropped;
    this.#dropped = null;
    this.#note({ raw, error: null, node, reason }, 'dlq');
  }

  /** An operator has dropped something while a record was at work. One record makes one letter, whoever else drops it. */
  dropped(drop: Drop): void {
    if (this.#isLetter(drop)) this.#dropped ??= drop;
  }

  /** Time has gone on without a record: what was dropped then has none. */
  forgetDrop(): void {
    this.#dropped = null;
  }

  /** All that was not committed has been taken back. */
  rewound(): void {
    this.#dropped = null;
    this.#uncommitted = 0;
    this.#commitIsDue = false;
  }

  /** To be told when a commit is in. */
  committed(): void {
    this.#commitIsDue = false;
    this.#count += this.#uncommitted;
    this.#uncommitted = 0;
    if (this.#last === null || this.#count === 0) return;
    const now = this.#parts.clock.now();
    if (this.#toldAt !== null && !hasPassed(now, this.#toldAt, LINE_INTERVAL_MS)) return;
    this.#tell(this.#last);
    this.#toldAt = now;
    this.#count = 0;
    this.#last = null;
  }

  #isLetter({ reason }: Drop): boolean {
    return this.#parts.policies.dropped === 'dlq' && LOSSES.has(reason);
  }

  #note(bad: BadRecord, policy: Exclude<ErrorPolicy, 'fail'>): void {
    const { letter, pending } = this.#parts;
    if (policy === 'dlq' && letter !== null) pending.add(letter(bad));
    this.#uncommitted++;
    this.#last = bad;
  }

  #tell({ raw, reason, error, node }: BadRecord): void {
    const { topic, partition, offset } = raw;
    const fields = { topic, partition, offset, reason, node, count: this.#count };
    const message =
      'records were set aside: they are counted, and in the dead-letter topic where the policy is dlq';
    this.#parts.log.warn(error === null ? fields : { ...fields, err: error }, message);
  }
}

/** What a process stops with where the policy is `fail`. `task` is the one that was at work. */
export function recordFailed(raw: ConsumerRecord, cause: unknown, task = 'its task'): Failure {
  return new Failure('engine.record_failed', 'stop', `${task} failed at the record ${placeOf(raw)}`, {
    cause,
    fix: 'mend the function; to go on without such records: --processing-error dlq, or skip',
  });
}
