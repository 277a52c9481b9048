import type { ProducerRecord } from '../../kafka/port.ts';
import { RecordBytes } from '../../kafka/record-bytes.ts';
import { RecordList } from '../../kafka/record-list.ts';
import type { Lsn } from '../place/lsn.ts';
import type { StreamPosition } from '../place/transaction-cursor.ts';

/** Bytes of rows in one Kafka transaction; twice this is held in all: one set is committed while the next gathers. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;
/** What a record costs beside its bytes. */
const RECORD_OVERHEAD_BYTES = 128;

/** What the stream has come to with the records that are published with it. */
export interface Progress extends StreamPosition {
  /** Commit time of the last transaction, microseconds since 1970-01-01 UTC. */
  readonly commitTs: bigint;
}

/** The list belongs to whom it is given. */
export type Publish = (records: RecordList, progress: Progress) => Promise<void>;

/**
 * Group commit: complete source transactions are published together, and while one Kafka transaction is being
 * committed the next one gathers. A source transaction that fits is never split; a larger one goes out in parts, each
 * with the place it came to.
 */
export class Batcher {
  readonly #bytesMax: number;
  readonly #publish: Publish;
  readonly #onError: (error: unknown) => void;
  readonly #prefixOf: () => number | undefined;
  /** Records so far: the place of the next one. */
  added = 0;
  #records = new RecordList();
  #bytes = 0;
  /** Of the records: those of transactions that are complete. */
  #completeRecords = 0;
  #completeBytes = 0;
  #complete: Progress;
  #published: Progress;
  #lastFinalLsn: Lsn = 0n;
  #lastSeq = 0;
  #lastPrefix: number | undefined;
  #inFlight: Promise<void> | null = null;
  #failure: { readonly error: unknown } | null = null;

  /** `prefixOf` tells the changes that the transaction has had so far from others: see `TransactionCursor.prefix`. */
  constructor(
    start: Progress,
    bytesMax: number,
    publish: Publish,
    onError: (error: unknown) => void,
    prefixOf: () => number | undefined = () => undefined,
  ) {
    this.#prefixOf = prefixOf;
    this.#complete = start;
    this.#published = start;
    this.#bytesMax = bytesMax;
    this.#publish = publish;
    this.#onError = onError;
  }

  get published(): Progress {
    return this.#published;
  }

  /** What the records are in that wait for a Kafka transaction; not of those that are being published. */
  get buffers(): ReadonlySet<Buffer> {
    return this.#records.buffers();
  }

  /** Bytes that wait for a Kafka transaction. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Nothing more may be added before {@link makeRoom}. */
  get full(): boolean {
    return this.#bytes >= this.#bytesMax;
  }

  /** No complete record waits or is being published. */
  get idle(): boolean {
    return this.#inFlight === null && this.#completeRecords === 0;
  }

  /** Adds a record of the change `(finalLsn, seq)`; all records of one change are added before the next check of `full`. */
  add(record: ProducerRecord, finalLsn: Lsn, seq: number): void {
    this.#records.add(record);
    this.added++;
    this.#bytes += bytesOf(record) + RECORD_OVERHEAD_BYTES;
    this.#lastFinalLsn = finalLsn;
    this.#lastSeq = seq;
    this.#lastPrefix = this.#prefixOf();
  }

  /** A record that goes with the one that is added next. It has no room of its own: no part may end between the two. */
  precede(record: ProducerRecord): void {
    this.#records.add(record);
  }

  /** All that was added belongs to complete transactions, the last of which ends at `endLsn`. */
  endTransaction(endLsn: Lsn, commitTs: bigint): void {
    this.#completeRecords = this.#records.length;
    this.#completeBytes = this.#bytes;
    this.#complete = { endLsn, commitTs, open: null };
  }

  /** The stream has been read to `endLsn` without a further transaction. */
  advance(endLsn: Lsn): void {
    if (endLsn > this.#complete.endLsn) this.#complete = { ...this.#complete, endLsn };
  }

  /** True when there is progress that Kafka does not know of. */
  get ahead(): boolean {
    return this.#complete.endLsn > this.#published.endLsn;
  }

  /** Publishes what is complete, if nothing is being published. */
  kick(): void {
    if (this.idle) return;
    this.#startComplete();
  }

  /** Publishes the progress alone, if nothing else is going on. */
  publishProgress(): void {
    if (this.idle) this.#startComplete();
  }

  /**
   * Waits for room; publishes a part of the transaction that is being read when it alone is too large.
   * @throws what publishing threw
   */
  async makeRoom(): Promise<void> {
    if (this.#inFlight !== null) await this.#inFlight;
    this.#rethrow();
    if (!this.full) return;
    if (this.#completeRecords > 0) this.#startComplete();
    else this.#startPart();
  }

  /** Resolves when everything complete is in Kafka. @throws what publishing threw */
  async drain(): Promise<void> {
    this.kick();
    while (this.#inFlight !== null) await this.#inFlight;
    this.#rethrow();
  }

  #rethrow(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  #startComplete(): void {
    if (this.#inFlight !== null) return;
    const records = this.#records;
    this.#records = records.splitOff(this.#completeRecords);
    this.#bytes -= this.#completeBytes;
    this.#completeRecords = 0;
    this.#completeBytes = 0;
    this.#start(records, this.#complete);
  }

  #startPart(): void {
    const records = this.#records;
    this.#records = new RecordList(records.length);
    this.#bytes = 0;
    this.#complete = {
      ...this.#complete,
      open: { finalLsn: this.#lastFinalLsn, seq: this.#lastSeq, prefix: this.#lastPrefix },
    };
    this.#start(records, this.#complete);
  }

  #start(records: RecordList, progress: Progress): void {
    // Nothing may follow a failed batch: that would leave a gap. What comes here is dropped, and read again later.
    if (this.#failure !== null) return;
    this.#inFlight = this.#publish(records, progress).then(
      () => {
        this.#published = progress;
        this.#inFlight = null;
        this.kick();
      },
      (error: unknown) => {
        this.#failure = { error };
        this.#inFlight = null;
        this.#onError(error);
      },
    );
  }
}

function bytesOf(record: ProducerRecord): number {
  if (record instanceof RecordBytes) return Math.max(0, record.keyLength) + Math.max(0, record.valueLength);
  return (record.key?.length ?? 0) + (record.value?.length ?? 0);
}
