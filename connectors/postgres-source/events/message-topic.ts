import type { AvroRecord } from '../../../schemas/avro-schema.ts';
import { CHANGE_EVENT_FIELDS } from '../../../schemas/change-event.ts';
import { DEBEZIUM_MESSAGE } from '../../../schemas/debezium-event.ts';
import { FRAME_BYTES, writeFrame } from '../../../schemas/serde/wire-format.ts';
import type { ProducerRecord } from '../../kafka/port.ts';
import { LONG_BYTES_MAX, copyBytes, writeBytes, writeLong } from '../types/avro-varint.ts';
import { DebeziumMessage } from '../records/debezium-message.ts';
import { DebeziumSource, type DebeziumSourceOptions } from '../records/debezium-source.ts';
import type { EventCounts } from '../publish/event-counts.ts';
import { type EventTopic, type EventTopicsContext, openEventTopics } from './event-topics.ts';
import { framedText, partitionOf } from '../types/framed-text.ts';
import type { MessageFilter } from './message-filter.ts';
import type { TransactionHead } from '../changes/transaction-head.ts';

const FACTS = ['__commit_ts', '__lsn', '__seq', '__xid'];

/** A logical message: what was said, and where in the WAL. */
export const MESSAGE_SCHEMA: AvroRecord = {
  type: 'record',
  name: 'LogicalMessage',
  namespace: 'millrace',
  fields: [
    { name: 'prefix', type: 'string' },
    { name: 'content', type: 'bytes' },
    ...CHANGE_EVENT_FIELDS.filter(({ name }) => FACTS.includes(name)),
  ],
};

/** Where logical messages go that are no outbox events. */
export function messageTopicName(prefix: string): string {
  return `${prefix}.message`;
}

/** Publishes logical messages as they are, keyed by their prefix: one order per prefix. */
export class MessageTopic {
  readonly #to: EventTopic;
  readonly #filter: MessageFilter;
  readonly #counts: EventCounts;
  /** Null of the row envelope. */
  readonly #debezium: DebeziumMessage | null;

  private constructor(
    to: EventTopic,
    filter: MessageFilter,
    counts: EventCounts,
    debezium: DebeziumMessage | null,
  ) {
    this.#to = to;
    this.#debezium = debezium;
    this.#filter = filter;
    this.#counts = counts;
  }

  /** @throws Failure `kafka.topic_drift`, `registry.*` */
  static async open(
    context: EventTopicsContext & DebeziumSourceOptions & { readonly eventCounts: EventCounts },
    filter: MessageFilter,
  ): Promise<MessageTopic> {
    const names = [messageTopicName(context.topicPrefix)];
    const source = DebeziumSource.of(context);
    const { key, value } =
      source === null ? ({ key: 'string', value: MESSAGE_SCHEMA } as const) : DEBEZIUM_MESSAGE;
    const [to] = await openEventTopics(context, names, value, key);
    const debezium = source === null ? null : new DebeziumMessage(source);
    return new MessageTopic(to as EventTopic, filter, context.eventCounts, debezium);
  }

  takes(prefix: string): boolean {
    return this.#filter(prefix);
  }

  record(prefix: string, content: Buffer, head: TransactionHead, seq: number): ProducerRecord {
    const name = Buffer.from(prefix);
    const { keySchemaId, valueSchemaId } = this.#to;
    const key = this.#debezium?.key(keySchemaId, name) ?? framedText(keySchemaId, name);
    this.#counts.published(this.#to.topic);
    return {
      topic: this.#to.topic,
      partition: partitionOf(key, this.#to.partitions),
      timestamp: head.timestamp,
      key,
      value:
        this.#debezium?.value(valueSchemaId, name, content, head) ?? this.#value(name, content, head, seq),
    };
  }

  #value(name: Buffer, content: Buffer, head: TransactionHead, seq: number): Buffer {
    const longs = 4 * LONG_BYTES_MAX + head.bytes.length;
    const out = Buffer.allocUnsafe(FRAME_BYTES + name.length + content.length + longs);
    writeFrame(out, this.#to.valueSchemaId);
    let at = writeBytes(out, FRAME_BYTES, name, 0, name.length);
    at = writeBytes(out, at, content, 0, content.length);
    at = copyBytes(out, at, head.bytes, 0, head.bytes.length);
    return out.subarray(0, writeLong(out, writeLong(out, at, seq), head.xid));
  }
}
