import { z } from 'zod';
import { Failure } from '../../../infra/process/failure.ts';
import type { Kafka } from '../../kafka/port.ts';
import { type CopyState, copyState } from '../copies/copy-state.ts';
import { readPartition } from './partition-reading.ts';
import { type RefusalState, refusalState } from '../shapes/refusal-state.ts';
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
  /** Not in a position from before shapes could be refused without an end of the source. */
  readonly refusals?: RefusalState | undefined;
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
  open: z
    .object({ finalLsn: bigintText, seq: z.number().int().positive(), prefix: z.number().int().optional() })
    .nullable(),
  snapshot: z.enum(['creating', 'pending', 'done']),
  copies: copyState.optional(),
  refusals: refusalState.optional(),
});

export function encodePosition(position: SourcePosition): Buffer {
  const { open } = position;
  return Buffer.from(
    JSON.stringify({
      v: VERSION,
      ...position,
      endLsn: String(position.endLsn),
      commitTs: String(position.commitTs),
      open: open === null ? null : { finalLsn: String(open.finalLsn), seq: open.seq, prefix: open.prefix },
    }),
  );
}

/** @throws Failure `source.position_unreadable` (stop): `what` is no position of this version */
export function decodePosition(bytes: Buffer, what = 'a position'): SourcePosition {
  try {
    const { v: _, ...position } = positionJson.parse(JSON.parse(bytes.toString('utf8')));
    return position;
  } catch (error) {
    throw new Failure('source.position_unreadable', 'stop', `${what} is unreadable`, {
      cause: error,
      fix: 'run the version of the source that wrote it; if somebody else has written it, see the README: a position that is lost',
    });
  }
}

/**
 * The slot's last committed position, or null. To be read after the producer has fenced its predecessor: until then
 * a newer one may still appear. `onBeside` is told of what else is kept under the slot's name, as `slot/...`.
 * @throws Failure `source.position_unreadable`
 */
export async function readPosition(
  kafka: Kafka,
  topic: string,
  slot: string,
  onBeside: (key: string, value: Buffer | null) => void = () => undefined,
): Promise<SourcePosition | null> {
  const found: { newest: Buffer | null } = { newest: null };
  const read = (key: string, value: Buffer | null): void => {
    if (key === slot) found.newest = value;
    else if (key.startsWith(`${slot}/`)) onBeside(key, value);
  };
  await readPartition(kafka, topic, ({ key, value }) => read(key?.toString('utf8') ?? '', value));
  const { newest } = found;
  return newest === null ? null : decodePosition(newest, `the position of slot ${slot} in ${topic}`);
}
