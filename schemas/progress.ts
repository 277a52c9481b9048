import { z } from 'zod';
import { Failure } from '../infra/process/failure.ts';
import type { Log } from '../infra/process/log.ts';

/**
 * A progress cut: every commit up to `endLsn` is in Kafka below these offsets. Written by the source to
 * `<prefix>.progress` (compacted, one partition, key = slot name, JSON) in the Kafka transaction that carries the
 * rows, first when the snapshot is complete. Until a first cut exists, topics hold a part of a snapshot only.
 */
export interface ProgressCut {
  /** All of the source up to here is in Kafka: the end LSN of a commit, decimal text. */
  readonly endLsn: bigint;
  /** Commit time of that commit, microseconds since 1970-01-01 UTC. */
  readonly commitTs: bigint;
  readonly systemId: string;
  /** Topic to next offset per partition, in partition order. */
  readonly offsets: Readonly<Record<string, readonly number[]>>;
  /**
   * Those of the topics that may lack rows of their table: it is being copied, or paused.
   */
  readonly incomplete?: readonly string[] | undefined;
}

/** The offsets of a cut as far as everything before `endLsn` is below them. */
export function claimedOffsets({ offsets, incomplete = [] }: ProgressCut): ProgressCut['offsets'] {
  if (incomplete.length === 0) return offsets;
  return Object.fromEntries(Object.entries(offsets).filter(([topic]) => !incomplete.includes(topic)));
}

/**
 * `<prefix>.result-progress`: the cuts of processors, in the same form. Compacted, one partition; the key is a
 * {@link CutOrigin}, and a tombstone takes back what was said under it.
 */
export function resultProgressTopicName(prefix: string): string {
  return `${prefix}.result-progress`;
}

/** Who says a cut. */
export interface CutOrigin {
  /** The replication slot whose LSNs the cut is about. */
  readonly source: string;
  /** Application id of the processor that has written the topics of the cut; null: the source itself. */
  readonly writer: string | null;
}

/** Key of a cut: `<slot>` of the source's, `<application id>/<slot>` of a processor's. A slot's name has no slash. */
export function encodeCutOrigin({ source, writer }: CutOrigin): Buffer {
  return Buffer.from(writer === null ? source : `${writer}/${source}`);
}

export function decodeCutOrigin(key: Buffer): CutOrigin {
  const text = key.toString('utf8');
  const slash = text.lastIndexOf('/');
  return { source: text.slice(slash + 1), writer: slash < 0 ? null : text.slice(0, slash) };
}

const LSN_MAX = 2n ** 64n - 1n;
const MICROS_MAX = 2n ** 63n - 1n;

const decimalUpTo = (max: bigint) =>
  z
    .string()
    .regex(/^\d{1,20}$/)
    .transform(BigInt)
    .refine((value) => value <= max);

const progressJson = z.object({
  endLsn: decimalUpTo(LSN_MAX),
  commitTs: decimalUpTo(MICROS_MAX),
  systemId: z.string(),
  offsets: z.record(z.string(), z.array(z.number().int().nonnegative())),
  incomplete: z.array(z.string()).optional(),
});

export function encodeProgress(cut: ProgressCut): Buffer {
  return Buffer.from(JSON.stringify({ ...cut, endLsn: String(cut.endLsn), commitTs: String(cut.commitTs) }));
}

/** @throws Failure `progress.unreadable` (stop) when the bytes are no progress cut */
export function decodeProgress(bytes: Buffer): ProgressCut {
  try {
    return progressJson.parse(JSON.parse(bytes.toString('utf8')));
  } catch (error) {
    throw new Failure('progress.unreadable', 'stop', `${bytes.length} bytes are no progress cut`, {
      cause: error,
    });
  }
}

/** A record of a progress topic, as who reads it has it. */
interface ProgressRecord {
  readonly topic: string;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/**
 * Whether a record of a progress topic tells a cut, or takes one back. What does not was written by somebody else: it is
 * told in the log and to be passed over. Cuts only ever say less than is true, and rows must not stand still for a
 * stranger's record.
 */
export function isProgress({ topic, offset, key, value }: ProgressRecord, log: Log): boolean {
  try {
    if (key === null || key.includes(0)) throw new RangeError('it has no key of a progress cut');
    if (value !== null) decodeProgress(value);
    return true;
  } catch (error) {
    log.warn(
      // Not its cause: that may quote the record.
      { topic, offset, reason: error instanceof Error ? error.message : '' },
      'a record of the progress topic is no progress cut and is passed over: see who writes there',
    );
    return false;
  }
}
