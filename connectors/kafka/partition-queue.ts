import { Failure } from '../../infra/process/failure.ts';
import type { Compression } from './compression.ts';
import type { Delivery } from './delivery.ts';
import type { ProducerRecord, TopicPartition } from './port.ts';
import { ProducerBatch } from './producer-batch.ts';
import { RecordBytes } from './record-bytes.ts';
import { type RecordList, readRecord } from './record-list.ts';
import { soloBatchBytes } from './record-batch-writer.ts';
import type { ProducerSession } from './record-batch-writer.ts';

/** Bytes of a batch with its header. Brokers and topics take 1 MiB and 12 bytes unless told otherwise (`message.max.bytes`). */
export const BATCH_BYTES_MAX = 1024 * 1024;

/** What a record's lengths, deltas and batch header may take beside its key, value and headers. */
const OVERHEAD_BYTES_MAX = 128;

/** Sequence numbers go from 0 to here and start again at 0. */
const SEQUENCE_MAX = 0x7fffffff;

/** The sequence number `count` records on. */
export function nextSequence(sequence: number, count: number): number {
  const next = sequence + count;
  return next > SEQUENCE_MAX ? next - SEQUENCE_MAX - 1 : next;
}

/** The batches of one partition, in the order of their records. At most the first is in flight. */
export class PartitionQueue implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** Sequence number of the next record to be acknowledged. */
  sequence = 0;
  /** Whether its batches may go out: in a transaction, once the partition is part of it. */
  released = false;
  inFlight = false;
  /** Waits before its first batch goes out again. */
  held = false;
  /** Tries of the first batch that failed in a row. */
  failures = 0;
  readonly #batches: ProducerBatch[] = [];
  #bytesMax = BATCH_BYTES_MAX;
  #expectedBytes = 0;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get isEmpty(): boolean {
    return this.#batches.length === 0;
  }

  get head(): ProducerBatch | undefined {
    return this.#batches[0];
  }

  /** The number of bytes that the queue has grown by. */
  append(record: RecordBytes, delivery: Delivery): number {
    const last = this.#batches.at(-1);
    const before = last?.size ?? 0;
    if (last?.append(record, delivery)) return last.size - before;
    const batch = new ProducerBatch(this.#bytesMax, this.#expectedBytes);
    batch.append(record, delivery);
    this.#batches.push(batch);
    return batch.size;
  }

  /** The first batch, as it goes out: the same bytes each time. */
  sealHead(session: ProducerSession, compression: Compression): Buffer {
    const batch = this.#batches[0]!;
    if (batch.bytes !== undefined) return batch.bytes;
    this.#expectedBytes = batch.size;
    return batch.seal(session, this.sequence, compression);
  }

  /** Returns the bytes that have become free. */
  acknowledgeHead(baseOffset: number): number {
    const batch = this.#batches.shift()!;
    this.sequence = nextSequence(this.sequence, batch.count);
    this.failures = 0;
    batch.acknowledge(this, baseOffset);
    return batch.size;
  }

  /**
   * The broker refused the first batch for its size, before it appended anything: go on with batches half as large.
   * Returns the bytes by which the queue has grown.
   * @throws Failure `kafka.record_too_large` (dead-letter) when the batch holds one record
   */
  splitHead(): number {
    const batch = this.#batches[0]!;
    if (batch.count === 1) throw recordTooLarge(this, batch.size, "the topic's max.message.bytes");
    this.#bytesMax = Math.ceil(batch.size / 2);
    const parts = batch.split(this, this.#bytesMax);
    this.#batches.splice(0, 1, ...parts);
    return parts.reduce((bytes, part) => bytes + part.size, -batch.size);
  }

  fail(error: unknown): void {
    for (const batch of this.#batches) batch.fail(error);
    this.#batches.length = 0;
  }
}

/** @throws Failure `kafka.record_too_large` (dead-letter): a record fits into no batch */
export function checkSizes(records: readonly ProducerRecord[] | RecordList): void {
  const record = new RecordBytes();
  for (let i = 0; i < records.length; i++) {
    readRecord(records, i, record);
    let bytes = Math.max(0, record.keyLength) + Math.max(0, record.valueLength);
    for (const header of record.headers) bytes += 3 * header.key.length + (header.value?.length ?? 0);
    if (bytes <= BATCH_BYTES_MAX - OVERHEAD_BYTES_MAX) continue;
    const exactly = soloBatchBytes(record);
    if (exactly > BATCH_BYTES_MAX) throw recordTooLarge(record, exactly, `${BATCH_BYTES_MAX} bytes`);
  }
}

function recordTooLarge({ topic, partition }: TopicPartition, bytes: number, bound: string): Failure {
  return new Failure(
    'kafka.record_too_large',
    'dead-letter',
    `a record of ${bytes} bytes for ${topic}-${partition} is larger than ${bound}`,
    { fix: 'set the record aside, or keep large values out of the row' },
  );
}
