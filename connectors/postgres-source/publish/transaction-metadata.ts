import { TRANSACTION_METADATA } from '../../../schemas/debezium-event.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import { FRAME_BYTES, writeFrame } from '../../../schemas/serde/wire-format.ts';
import { STREAM_CONFIG } from '../../../schemas/topic.ts';
import type { Kafka, ProducerRecord } from '../../kafka/port.ts';
import { LONG_BYTES_MAX, avroString, writeLong } from '../types/avro-varint.ts';
import { transactionIdOf } from '../records/debezium-source.ts';
import type { EndOffsets } from '../place/end-offsets.ts';
import { framedText } from '../types/framed-text.ts';
import type { TableSchema } from '../shapes/table-schema.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

/** Where BEGIN and END of source transactions go. */
export function transactionTopicName(prefix: string): string {
  return `${prefix}.transaction`;
}

export interface TransactionMetadataContext {
  readonly kafka: Kafka;
  readonly registry: SchemaRegistry;
  readonly ends: EndOffsets;
  readonly topicPrefix: string;
}

interface Target {
  readonly topic: string;
  readonly keySchemaId: number;
  readonly valueSchemaId: number;
}

/**
 * Counts the events of the transaction that is being read, and tells of its begin and its end. A transaction that is
 * read again after a crash is counted again from its first change: so the numbers of what follows are the same.
 */
export class TransactionMetadata {
  readonly #target: Target;
  readonly #counts = new Map<string, number>();
  #last: TableSchema | null = null;
  #lastName = '';
  #total = 0;

  constructor(target: Target) {
    this.#target = target;
  }

  /** @throws Failure `kafka.topic_drift`, `registry.*` */
  static async open(context: TransactionMetadataContext): Promise<TransactionMetadata> {
    const { kafka, registry, ends, topicPrefix } = context;
    const topic = transactionTopicName(topicPrefix);
    // One partition: the transactions stand in the order of their commits.
    await kafka.ensureTopics([{ name: topic, partitions: 1, config: STREAM_CONFIG }]);
    await ends.load(kafka, [topic]);
    const keySchemaId = await registry.register(`${topic}-key`, TRANSACTION_METADATA.key);
    const valueSchemaId = await registry.register(`${topic}-value`, TRANSACTION_METADATA.value);
    return new TransactionMetadata({ topic, keySchemaId, valueSchemaId });
  }

  begin(): void {
    this.#total = 0;
    this.#counts.clear();
  }

  /** Counts an event, and puts its numbers where the encoder finds them. True for the transaction's first. */
  event(table: TableSchema, { change }: TransactionHead): boolean {
    if (this.#last !== table) {
      this.#last = table;
      this.#lastName = `${table.schema}.${table.table}`;
    }
    const count = (this.#counts.get(this.#lastName) ?? 0) + 1;
    this.#counts.set(this.#lastName, count);
    change.tableOrder = count;
    change.totalOrder = ++this.#total;
    return this.#total === 1;
  }

  /** Goes out before the first event. */
  beginRecord(head: TransactionHead): ProducerRecord {
    return this.#record(head, 'BEGIN', [Buffer.from([0, 0])]);
  }

  /** Goes out behind the last event; null for a transaction without events. */
  endRecord(head: TransactionHead): ProducerRecord | null {
    if (this.#total === 0) return null;
    const parts = [Buffer.from([2]), avroCount(this.#total), Buffer.from([2]), avroCount(this.#counts.size)];
    for (const [table, count] of this.#counts) parts.push(avroString(table), avroCount(count));
    return this.#record(head, 'END', [...parts, Buffer.from([0])]);
  }

  #record(head: TransactionHead, status: 'BEGIN' | 'END', counts: readonly Buffer[]): ProducerRecord {
    const { topic, keySchemaId, valueSchemaId } = this.#target;
    const id = transactionIdOf(head);
    const frame = Buffer.alloc(FRAME_BYTES);
    writeFrame(frame, valueSchemaId);
    const value = [frame, avroString(status), avroString(id), ...counts, avroCount(head.timestamp)];
    return {
      topic,
      partition: 0,
      timestamp: head.timestamp,
      // A record of one string is written as the string.
      key: framedText(keySchemaId, Buffer.from(id)),
      value: Buffer.concat(value),
    };
  }
}

function avroCount(value: number): Buffer {
  const out = Buffer.allocUnsafe(LONG_BYTES_MAX);
  return out.subarray(0, writeLong(out, 0, value));
}
