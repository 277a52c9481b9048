import { Failure } from '../../infra/process/failure.ts';
import type { DropReason } from './record.ts';

/**
 * What becomes of a record that cannot be processed: `fail` stops the pipeline in front of it, `dlq` puts it into the
 * dead-letter topic and goes on, `skip` goes on without it. Both count it.
 */
export const ERROR_POLICIES = ['fail', 'dlq', 'skip'] as const;

export type ErrorPolicy = (typeof ERROR_POLICIES)[number];

/** What becomes of a record that an operator drops: it is counted, and with `dlq` a dead letter too. */
export const DROP_POLICIES = ['count', 'dlq'] as const;

export type DropPolicy = (typeof DROP_POLICIES)[number];

/** What is done about records that are at fault themselves. */
export interface BadRecordPolicies {
  /** Its bytes cannot be decoded: `deserialization.exception.handler` of Kafka Streams. */
  readonly deserialization: ErrorPolicy;
  /** A user's function throws, or gives what has no place in its topic: `processing.exception.handler`. */
  readonly processing: ErrorPolicy;
  /** It is late, or lacks a key or a time: see {@link LOSSES}. */
  readonly dropped: DropPolicy;
}

/** As Kafka Streams does unless told otherwise. */
export const DEFAULT_POLICIES: BadRecordPolicies = {
  deserialization: 'fail',
  processing: 'fail',
  dropped: 'count',
};

/**
 * Drops by which an event comes to nothing that was meant to count. A tombstone in a stream is no event (`null_value`), and
 * a change that is no newest version (`out_of_order`) is in its table's history.
 */
export const LOSSES: ReadonlySet<DropReason> = new Set<DropReason>([
  'late',
  'expired',
  'null_key',
  'no_time',
]);

/** Whether anything can come into the dead-letter topic. */
export function writesDeadLetters({ deserialization, processing, dropped }: BadRecordPolicies): boolean {
  return deserialization === 'dlq' || processing === 'dlq' || dropped === 'dlq';
}

/** Whether an error says that the process must begin anew, or end, whatever record it was at: a damaged disk is no record's fault. */
export function isRuntimeFault(error: unknown): boolean {
  return error instanceof Failure && error.order !== 'stop' && error.order !== 'dead-letter';
}
