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
  readonly tombstoneHeaders: readonly Header[];
}

/** `commitTs` in microseconds since 1970-01-01 UTC. */
export function transactionHead(lsn: Lsn, commitTs: bigint, xid: number): TransactionHead {
  const bytes = Buffer.allocUnsafe(20);
  const end = writeBigLong(bytes, writeBigLong(bytes, 0, commitTs), lsn);
  return {
    bytes: bytes.subarray(0, end),
    xid,
    timestamp: Number(commitTs / 1000n),
    tombstoneHeaders: [
      { key: TOMBSTONE_HEADERS.op, value: Buffer.from('d') },
      { key: TOMBSTONE_HEADERS.commitTs, value: Buffer.from(String(commitTs)) },
      { key: TOMBSTONE_HEADERS.lsn, value: Buffer.from(String(lsn)) },
    ],
  };
}

/** The headers of one tombstone. */
export function tombstoneHeaders(head: TransactionHead, seq: number): readonly Header[] {
  return [...head.tombstoneHeaders, { key: TOMBSTONE_HEADERS.seq, value: Buffer.from(String(seq)) }];
}
