import { Failure } from '../../infra/process/failure.ts';
import type { ProducerRecord, TopicPartition } from './port.ts';
import { encodeBatch, soloBatchBytes } from './record-batch.ts';
import type { EncodedBatch } from './record-batch.ts';
import type { ProducerIdentity } from './transaction-requests.ts';

/** Bytes of one batch with its header. Brokers and topics take 1 MiB and 12 bytes unless told otherwise (`message.max.bytes`). */
export const BATCH_BYTES_MAX = 1024 * 1024;

/** Sequence numbers go from 0 to here and start again at 0. */
const SEQUENCE_MAX = 0x7fffffff;

/** The sequence number `count` records on. */
export function nextSequence(sequence: number, count: number): number {
  const next = sequence + count;
  return next > SEQUENCE_MAX ? next - SEQUENCE_MAX - 1 : next;
}

/** The records of one partition on their way, batch by batch. The batch at the head stays the same until acknowledged. */
export class PartitionQueue implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  readonly records: ProducerRecord[] = [];
  /** Sequence number of the next record to be acknowledged. */
  sequence = 0;
  /** Offset after the last acknowledged record. */
  nextOffset = -1;
  #from = 0;
  #bytesMax = BATCH_BYTES_MAX;
  #head: EncodedBatch | undefined;

  constructor(topic: string, partition: number) {
    this.topic = topic;
    this.partition = partition;
  }

  get done(): boolean {
    return this.#from === this.records.length;
  }

  start(sequence: number): void {
    this.sequence = sequence;
  }

  head(identity: ProducerIdentity): Buffer {
    const session = { ...identity, transactional: true };
    this.#head ??= encodeBatch(this.records, this.#from, this.#bytesMax, session, this.sequence);
    return this.#head.bytes;
  }

  acknowledge(baseOffset: number): void {
    const count = this.#head?.count ?? 0;
    this.#from += count;
    this.sequence = nextSequence(this.sequence, count);
    this.nextOffset = baseOffset + count;
    this.#head = undefined;
  }

  /**
   * The broker refused the head batch for its size, before it appended anything: go on with batches half as large.
   * @throws Failure `kafka.record_too_large` (dead-letter) when the batch holds one record
   */
  split(): void {
    const refused = this.#head;
    if (refused === undefined) return;
    if (refused.count === 1)
      throw recordTooLarge(this, refused.bytes.length, "the topic's max.message.bytes");
    this.#bytesMax = Math.ceil(refused.bytes.length / 2);
    this.#head = undefined;
  }
}

/**
 * Sorts records into queues, keeping their order.
 * @throws Failure `kafka.record_too_large` (dead-letter) before anything is sent
 */
export function queueByPartition(records: readonly ProducerRecord[]): readonly PartitionQueue[] {
  const byTopic = new Map<string, PartitionQueue[]>();
  const queues: PartitionQueue[] = [];
  for (const record of records) {
    const { topic, partition } = record;
    let ofTopic = byTopic.get(topic);
    if (ofTopic === undefined) byTopic.set(topic, (ofTopic = []));
    let queue = ofTopic[partition];
    if (queue === undefined) {
      queue = ofTopic[partition] = new PartitionQueue(topic, partition);
      queues.push(queue);
    }
    const bytes = soloBatchBytes(record);
    if (bytes > BATCH_BYTES_MAX) throw recordTooLarge(record, bytes, `${BATCH_BYTES_MAX} bytes`);
    queue.records.push(record);
  }
  return queues;
}

function recordTooLarge({ topic, partition }: TopicPartition, bytes: number, bound: string): Failure {
  return new Failure(
    'kafka.record_too_large',
    'dead-letter',
    `a record of ${bytes} bytes for ${topic}-${partition} is larger than ${bound}`,
    { fix: 'set the record aside, or keep large values out of the row' },
  );
}
