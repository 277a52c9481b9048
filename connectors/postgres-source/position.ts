import { z } from 'zod';
import { Failure } from '../../infra/process/failure.ts';
import type { Kafka } from '../kafka/port.ts';
import { type CopyState, copyState } from './copy-state.ts';
import type { StreamPosition } from './transaction-cursor.ts';

/**
 * How far the first copy of the tables is: `creating` the slot may or may not exist yet, `pending` it exists and the
 * tables are being read, `done`.
 */
export type SnapshotState = 'creating' | 'pending' | 'done';

/**
 * What is in Kafka, written with the rows in one Kafka transaction. It holds what it takes to tell that a server, a
 * slot and a publication are still the same ones.
 */
export interface SourcePosition extends StreamPosition {
  readonly systemId: string;
  /** Of the server's WAL when this was written. Not in a position from before timelines were looked at. */
  readonly timeline?: number | undefined;
  readonly slot: string;
  /** pg_publication.oid: a publication that was dropped and made again has lost changes. */
  readonly publicationOid: number;
  /** Commit time of the last transaction, microseconds since 1970-01-01 UTC. */
  readonly commitTs: bigint;
  readonly snapshot: SnapshotState;
  /** Not in a position from before tables were copied in chunks. */
  readonly copies?: CopyState | undefined;
}

const VERSION = 1;
const bigintText = z.string().regex(/^\d+$/).transform(BigInt);

const positionJson = z.object({
  v: z.literal(VERSION),
  systemId: z.string(),
  timeline: z.number().int().positive().optional(),
  slot: z.string(),
  publicationOid: z.number(),
  endLsn: bigintText,
  commitTs: bigintText,
  open: z.object({ finalLsn: bigintText, seq: z.number().int().positive() }).nullable(),
  snapshot: z.enum(['creating', 'pending', 'done']),
  copies: copyState.optional(),
});

export function encodePosition(position: SourcePosition): Buffer {
  const { open } = position;
  return Buffer.from(
    JSON.stringify({
      v: VERSION,
      ...position,
      endLsn: String(position.endLsn),
      commitTs: String(position.commitTs),
      open: open === null ? null : { finalLsn: String(open.finalLsn), seq: open.seq },
    }),
  );
}

/** @throws ZodError when the bytes are no position of this version */
export function decodePosition(bytes: Buffer): SourcePosition {
  const { v: _, ...position } = positionJson.parse(JSON.parse(bytes.toString('utf8')));
  return position;
}

const POLL_MAX_MS = 500;

/**
 * The slot's last committed position, or null. To be read after the producer has fenced its predecessor: until then
 * a newer one may still appear.
 * @throws Failure `source.position_unreadable`
 */
export async function readPosition(
  kafka: Kafka,
  topic: string,
  slot: string,
): Promise<SourcePosition | null> {
  const partition = { topic, partition: 0 };
  const [start = 0] = await kafka.listOffsets([partition], 'earliest');
  const [end = 0] = await kafka.listOffsets([partition], 'last-stable');
  let found: Buffer | null = null;
  if (start < end) {
    await using fetcher = kafka.openFetcher();
    fetcher.assign([{ ...partition, offset: start }]);
    for (let next = start; next < end;)
      for (const batch of await fetcher.poll(POLL_MAX_MS)) {
        for (const record of batch.records) if (record.key?.toString('utf8') === slot) found = record.value;
        next = batch.nextOffset;
      }
  }
  if (found === null) return null;
  try {
    return decodePosition(found);
  } catch (error) {
    throw new Failure(
      'source.position_unreadable',
      'stop',
      `the position of slot ${slot} in ${topic} is unreadable`,
      {
        cause: error,
        fix: 'run the version of the source that wrote it',
      },
    );
  }
}
