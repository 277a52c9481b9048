import { TOMBSTONE_HEADERS } from '../../schemas/change-event.ts';
import type { Header } from '../kafka/port.ts';
import { writeBigLong } from './avro-varint.ts';
import type { Lsn } from './lsn.ts';

/** What all events of one source transaction share, encoded once for all of them. */
export interface TransactionHead {
  /** `__commit_ts` and `__lsn` as Avro. */
  readonly bytes: Buffer;
  readonly xid: number;
  /** Commit time in milliseconds: the timestamp of the Kafka records. */
  readonly timestamp: number;
  /** `__commit_ts` and `__lsn` as headers. */
  readonly identityHeaders: readonly Header[];
  readonly tombstoneHeaders: readonly Header[];
}

/** `commitTs` in microseconds since 1970-01-01 UTC. */
export function transactionHead(lsn: Lsn, commitTs: bigint, xid: number): TransactionHead {
  const bytes = Buffer.allocUnsafe(20);
  const end = writeBigLong(bytes, writeBigLong(bytes, 0, commitTs), lsn);
  const identity = [
    { key: TOMBSTONE_HEADERS.commitTs, value: Buffer.from(String(commitTs)) },
    { key: TOMBSTONE_HEADERS.lsn, value: Buffer.from(String(lsn)) },
  ];
  return {
    bytes: bytes.subarray(0, end),
    xid,
    timestamp: Number(commitTs / 1000n),
    identityHeaders: identity,
    tombstoneHeaders: [{ key: TOMBSTONE_HEADERS.op, value: Buffer.from('d') }, ...identity],
  };
}

/** Where an event that is no row stands: its commit time and `(lsn, seq)`. */
export function identityHeaders(head: TransactionHead, seq: number): readonly Header[] {
  return [...head.identityHeaders, { key: TOMBSTONE_HEADERS.seq, value: Buffer.from(String(seq)) }];
}

/** The headers of one tombstone. */
export function tombstoneHeaders(head: TransactionHead, seq: number): readonly Header[] {
  return [...head.tombstoneHeaders, { key: TOMBSTONE_HEADERS.seq, value: Buffer.from(String(seq)) }];
}
