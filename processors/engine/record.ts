/** What flows between operators: an event of a stream, or a change of a table. Never changed once made. */
export interface StreamRecord {
  /** The decoded key, null where there is none. */
  readonly key: unknown;
  /** The key's Avro body: what stores and partitions go by. Null exactly when the key is. */
  readonly keyBody: Buffer | null;
  /** Null is no event in a stream, and a deleted row in a table. */
  readonly value: unknown;
  /** Tables: the value before the change, null when there was none. Streams: null. */
  readonly oldValue: unknown;
  /** Event time, milliseconds: windows and lateness go by it. */
  readonly time: number;
  /** When the source committed what caused this record, milliseconds: results carry it on, so that latency can be seen. */
  readonly commitTime: number;
  /** Changes of a versioned table: false when the key has a newer version, which stays the newest. Else left out. */
  readonly isLatest?: boolean;
}

/**
 * Why a record went no further. Every one of them is counted. `expired`: older than what a versioned table keeps;
 * `out_of_order`: no newest version, where only these count; `undecodable` and `failed`: bad records that were set aside.
 */
export type DropReason =
  | 'null_key'
  | 'null_value'
  | 'late'
  | 'no_time'
  | 'expired'
  | 'out_of_order'
  | 'undecodable'
  | 'failed';
