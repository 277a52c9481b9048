import { AssertionFailure } from '../../infra/process/assert.ts';
import { type DropPolicy, type ErrorPolicy, LOSSES, isRuntimeFault } from './bad-record-policies.ts';
import type { DropReason } from './record.ts';

/** What a test driver does about bad records: the options of a processor. */
export interface TestDriverOptions {
  /** `--processing-error`. Default `fail`: what a function throws comes out of the driver's call. */
  readonly onProcessingError?: ErrorPolicy;
  /** `--dropped-records`. Default `count`. */
  readonly droppedRecords?: DropPolicy;
}

/** Where a record was when it was given to a task. */
export interface DriverOrigin {
  /** Name of a topic as the catalogue has it, or of a repartition. */
  readonly topic: string;
  readonly key: unknown;
  readonly value: unknown;
  /** Kafka timestamp. */
  readonly timestamp: number;
}

/** A dead letter: the record, and why. */
export interface DriverDeadLetter extends DriverOrigin {
  readonly reason: DropReason;
  /** The operator that dropped it; null for one that failed. */
  readonly node: string | null;
  /** What it failed with; null for one that was dropped. */
  readonly error: Error | null;
}

/** The letters of a driver, by the policies that a processor has. */
export class DriverDeadLetters {
  readonly #onError: ErrorPolicy;
  readonly #onDrop: DropPolicy;
  #letters: DriverDeadLetter[] = [];

  constructor({ onProcessingError = 'fail', droppedRecords = 'count' }: TestDriverOptions) {
    this.#onError = onProcessingError;
    this.#onDrop = droppedRecords;
  }

  /** Whether records are taken back that fail. */
  get takesBack(): boolean {
    return this.#onError !== 'fail';
  }

  /** A record has failed. @throws the error when it is not for the record to bear */
  failed(origin: DriverOrigin, error: unknown): void {
    if (!(error instanceof Error) || isRuntimeFault(error) || error instanceof AssertionFailure) throw error;
    if (this.#onError === 'dlq') this.#letters.push({ ...origin, reason: 'failed', node: null, error });
  }

  /** A record is through, and these were dropped meanwhile: the first that counts makes the letter. */
  passed(
    origin: DriverOrigin,
    drops: readonly { readonly node: string; readonly reason: DropReason }[],
  ): void {
    if (this.#onDrop !== 'dlq') return;
    const first = drops.find(({ reason }) => LOSSES.has(reason));
    if (first !== undefined) this.#letters.push({ ...origin, ...first, error: null });
  }

  /** Takes what has come since the last call. */
  take(): DriverDeadLetter[] {
    const letters = this.#letters;
    this.#letters = [];
    return letters;
  }
}
