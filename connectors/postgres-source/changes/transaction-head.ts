import { TOMBSTONE_HEADERS } from '../../../schemas/change-event.ts';
import type { Header } from '../../kafka/port.ts';
import { writeBigLong } from '../types/avro-varint.ts';
import type { Lsn } from '../place/lsn.ts';

/** Of the change that is being encoded; written anew for each, so that a row costs no object. */
export interface ChangePlace {
  /** Its own LSN, in two halves of 32 bits. */
  lsnHigh: number;
  lsnLow: number;
  /** Its place among the events of the transaction, from 1; 0 where nobody counts them. */
  totalOrder: number;
  /** Its place among those of its table. */
  tableOrder: number;
  /** Where its transaction was first committed, when it was replicated from elsewhere. */
  origin: { readonly name: string; readonly lsn: Lsn } | null;
}

/** What all events of one source transaction share, encoded once for all of them. */
export interface TransactionHead {
  /** `__commit_ts` and `__lsn` as Avro. */
  readonly bytes: Buffer;
  readonly xid: number;
  /** LSN of the commit record. */
  readonly lsn: Lsn;
  /** Microseconds since 1970-01-01 UTC. */
  readonly commitTs: bigint;
  /** Where the transaction before it ended; null when none was read. */
  readonly previousLsn: Lsn | null;
  readonly change: ChangePlace;
  /** Commit time in milliseconds: the timestamp of the Kafka records. */
  readonly timestamp: number;
  /** `__commit_ts` and `__lsn` as headers. */
  readonly identityHeaders: readonly Header[];
  readonly tombstoneHeaders: readonly Header[];
}

/** `commitTs` in microseconds since 1970-01-01 UTC. */
export function transactionHead(
  lsn: Lsn,
  commitTs: bigint,
  xid: number,
  previousLsn: Lsn | null = null,
): TransactionHead {
  const bytes = Buffer.allocUnsafe(20);
  const end = writeBigLong(bytes, writeBigLong(bytes, 0, commitTs), lsn);
  const identity = [
    { key: TOMBSTONE_HEADERS.commitTs, value: Buffer.from(String(commitTs)) },
    { key: TOMBSTONE_HEADERS.lsn, value: Buffer.from(String(lsn)) },
  ];
  return {
    bytes: bytes.subarray(0, end),
    xid,
    lsn,
    commitTs,
    previousLsn,
    change: {
      lsnHigh: Number(lsn >> 32n) | 0,
      lsnLow: Number(lsn & 0xffffffffn) | 0,
      totalOrder: 0,
      tableOrder: 0,
      origin: null,
    },
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
