import type { Compression } from './compression.ts';
import type { Delivery } from './delivery.ts';
import type { ConsumerRecord, TopicPartition } from './port.ts';
import { RecordBytes } from './record-bytes.ts';
import { appendRecords, readBatches } from './record-batch.ts';
import { RecordBatchWriter, stampBatch } from './record-batch-writer.ts';
import type { ProducerSession } from './record-batch-writer.ts';

/** Records up to here, counted from the batch's first, are part of this delivery. */
interface Range {
  readonly delivery: Delivery;
  end: number;
}

/** A batch from its first record to its acknowledgement. Once sealed it stays the same, byte for byte. */
export class ProducerBatch {
  readonly #writer: RecordBatchWriter;
  readonly #ranges: Range[] = [];
  #sealed: Buffer | undefined;
  /** When it went out first, in milliseconds of the clock. */
  firstTriedAt: number | undefined;
  /** Times it went out. */
  tries = 0;

  constructor(bytesMax: number, expectedBytes: number) {
    this.#writer = new RecordBatchWriter(bytesMax, expectedBytes);
  }

  get count(): number {
    return this.#writer.count;
  }

  /** Bytes before compression. */
  get size(): number {
    return this.#writer.size;
  }

  /** Undefined until sealed. */
  get bytes(): Buffer | undefined {
    return this.#sealed;
  }

  /** False when the batch is sealed or the record does not fit. */
  append(record: RecordBytes, delivery: Delivery): boolean {
    if (this.#sealed !== undefined || !this.#writer.append(record)) return false;
    const last = this.#ranges.at(-1);
    if (last !== undefined && last.delivery === delivery) last.end++;
    else {
      this.#ranges.push({ delivery, end: this.count });
      delivery.joinBatch();
    }
    return true;
  }

  seal(session: ProducerSession, baseSequence: number, compression: Compression): Buffer {
    const batch = this.#writer.seal(compression, session.transactional);
    stampBatch(batch, session, baseSequence);
    this.#sealed = batch;
    return batch;
  }

  acknowledge(partition: TopicPartition, baseOffset: number): void {
    for (const { delivery, end } of this.#ranges) delivery.acknowledge(partition, baseOffset + end);
    // A socket that broke may still hold the bytes of an earlier try.
    if (this.tries === 1) this.#writer.release();
  }

  fail(error: unknown): void {
    for (const { delivery } of this.#ranges) delivery.fail(error);
  }

  /** The records of a sealed batch, in batches of at most `bytesMax` bytes before compression. */
  split(partition: TopicPartition, bytesMax: number): ProducerBatch[] {
    const records: ConsumerRecord[] = [];
    for (const batch of readBatches(this.#sealed!, partition)) appendRecords(batch, partition, 0, records);
    const parts: ProducerBatch[] = [];
    const record = new RecordBytes();
    let range = 0;
    for (const [index, read] of records.entries()) {
      record.set(read);
      while (this.#ranges[range]!.end <= index) range++;
      const { delivery } = this.#ranges[range]!;
      if (parts.at(-1)?.append(record, delivery)) continue;
      const part = new ProducerBatch(bytesMax, bytesMax);
      part.append(record, delivery);
      parts.push(part);
    }
    for (const { delivery } of this.#ranges) delivery.leaveBatch();
    return parts;
  }
}
