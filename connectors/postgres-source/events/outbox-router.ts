import { must } from '../../../infra/process/assert.ts';
import { Failure } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { Header, ProducerRecord } from '../../kafka/port.ts';
import type { OnBadRow } from '../records/bad-rows.ts';
import type { Catalog } from '../shapes/catalog.ts';
import type { EventCounts } from '../publish/event-counts.ts';
import { cutEvent, sizeDefect } from '../records/event-size.ts';
import { type EventTopic, type EventTopicsContext, openEventTopics } from './event-topics.ts';
import { framedText, partitionOf } from '../types/framed-text.ts';
import type { OutboxEvent } from './outbox-event.ts';
import { outboxMessage } from './outbox-message.ts';
import type { OutboxOptions } from './outbox-options.ts';
import {
  CREATED_TOPICS_MAX,
  aggregateTopic,
  listedTopics,
  topicDefect,
  unroutedTopicName,
} from './outbox-route.ts';
import { type OutboxShape, outboxRow, outboxShape } from './outbox-table.ts';
import { type Relation, relationFingerprint } from '../changes/relation.ts';
import { type TransactionHead, identityHeaders } from '../changes/transaction-head.ts';
import type { Tuple } from '../changes/tuple.ts';

export interface OutboxContext extends EventTopicsContext {
  readonly catalog: Catalog;
  /** Topics that are not free, with who has them. */
  readonly taken: ReadonlyMap<string, string>;
  readonly eventCounts: EventCounts;
  /** Also what is done with an event that is too large for its topic. */
  readonly onBadRow: OnBadRow;
  readonly log: Log;
}

/** Kafka Connect's header for why a record was set aside. */
const REASON_HEADER = '__connect.errors.exception.message';
const TYPE_HEADER = 'aggregatetype';

/**
 * The outbox event router: rows of an outbox table, and logical messages, become events on the topic of their
 * aggregate type. Only inserts are events; the row may be deleted at once.
 */
export class OutboxRouter {
  readonly #options: OutboxOptions;
  readonly #context: OutboxContext;
  /** Aggregate type to topic. */
  readonly #routes = new Map<string, EventTopic>();
  #unrouted: EventTopic | null = null;
  #shape: OutboxShape | null = null;
  #created = 0;
  #fingerprint = '';
  /** Of the outbox table, null until it is known. */
  oid: number | null = null;

  constructor(options: OutboxOptions, context: OutboxContext) {
    this.#options = options;
    this.#context = context;
  }

  /**
   * Makes everything ready that is known beforehand. `relation` is the outbox table as it is now.
   * @throws Failure `config.invalid`, `source.topic_collision`, `source.outbox_columns`, `kafka.*`, `registry.*`
   */
  async open(relation: Relation | null): Promise<void> {
    const { topicPrefix, taken } = this.#context;
    const listed = listedTopics(this.#options, topicPrefix, taken);
    if (this.#options.unknownType !== 'stop' || this.#context.onBadRow === 'dead-letter') {
      const [unrouted] = await openEventTopics(this.#context, [unroutedTopicName(topicPrefix)], 'bytes');
      this.#unrouted = unrouted ?? null;
    }
    if (relation !== null) await this.adopt(relation);
    await this.#openRoutes([...listed]);
  }

  owns(table: { readonly schema: string; readonly table: string }): boolean {
    return `${table.schema}.${table.table}` === this.#options.table;
  }

  /** True when rows of the outbox table can be read as this relation says. */
  knows(relation: Relation): boolean {
    return this.#fingerprint === relationFingerprint(relation);
  }

  /** Takes the outbox table's shape over. @throws Failure `source.outbox_columns`, `registry.*` */
  async adopt(relation: Relation): Promise<void> {
    const details = await this.#context.catalog.details(relation);
    const oids = details.columns.map(({ base }) => base.oid);
    const before = this.#shape?.payloadType;
    this.#shape = outboxShape(relation, oids, this.#options);
    this.oid = relation.oid;
    this.#fingerprint = relationFingerprint(relation);
    if (before !== this.#shape.payloadType)
      await this.#openRoutes([...this.#routes].map(([type, { topic }]) => [type, topic]));
  }

  row(source: Buffer, row: Tuple): OutboxEvent {
    return outboxRow(must(this.#shape, 'the outbox table has a shape before it has rows'), source, row);
  }

  /** True when logical messages of this prefix are events. */
  takes(messagePrefix: string): boolean {
    return messagePrefix === this.#options.messagePrefix;
  }

  message(content: Buffer): OutboxEvent {
    return outboxMessage(content, this.#options);
  }

  /** True when the event's topic is to be made before it can be routed: see {@link create}. */
  lacksTopic({ aggregateType }: OutboxEvent): boolean {
    if (aggregateType === null || this.#options.unknownType !== 'create') return false;
    if (this.#routes.has(aggregateType) || this.#created >= CREATED_TOPICS_MAX) return false;
    return topicDefect(this.#topic(aggregateType), this.#context.taken) === null;
  }

  /** Makes the topic of an aggregate type. @throws Failure `kafka.topic_drift`, `registry.*` */
  async create(event: OutboxEvent): Promise<void> {
    if (event.aggregateType === null) return;
    const topic = this.#topic(event.aggregateType);
    await this.#openRoutes([[event.aggregateType, topic]]);
    this.#created++;
    this.#context.log.info({ topic }, 'a new aggregate type in the outbox: its topic is ready');
  }

  /**
   * The event as the record that is published.
   * @throws Failure `source.outbox_unroutable`, `source.outbox_too_large` where the policy is to stop
   */
  record(event: OutboxEvent, head: TransactionHead, seq: number): ProducerRecord {
    const route = event.aggregateType === null ? undefined : this.#routes.get(event.aggregateType);
    const headers = [...event.headers, ...identityHeaders(head, seq)];
    const to = route ?? this.#unrouted;
    const size = to === null ? null : sizeDefect(to, event, headers);
    if (route !== undefined && size === null) return this.#publish(route, event, head, headers);
    const reason = route === undefined ? (event.defect ?? this.#reason(event.aggregateType)) : size;
    if (route === undefined && this.#options.unknownType === 'stop') throw unroutable(reason);
    if (size !== null && this.#context.onBadRow === 'stop') throw tooLarge(size);
    this.#context.eventCounts.setAside(reason ?? '');
    headers.push({ key: REASON_HEADER, value: textOrNull(reason) });
    headers.push({ key: TYPE_HEADER, value: textOrNull(event.aggregateType) });
    const unrouted = must(this.#unrouted, 'the topic of events that are set aside');
    return this.#publish(unrouted, size === null ? event : cutEvent(event), head, headers);
  }

  /** Tells of an outbox row that was changed. @throws Failure `source.outbox_update` where the policy is to stop */
  updated(): void {
    if (this.#options.onUpdate === 'warn') return this.#context.eventCounts.updated();
    throw new Failure('source.outbox_update', 'stop', `a row of ${this.#options.table} was updated`, {
      fix: 'insert a new row per event, or leave updates out with --outbox-on-update warn',
    });
  }

  #publish(to: EventTopic, event: OutboxEvent, head: TransactionHead, headers: Header[]): ProducerRecord {
    const key = event.aggregateId === null ? null : framedText(to.keySchemaId, event.aggregateId);
    this.#context.eventCounts.published(to.topic);
    return {
      topic: to.topic,
      partition: partitionOf(key, to.partitions),
      timestamp: head.timestamp,
      key,
      value: event.payload === null ? null : framedText(to.valueSchemaId, event.payload),
      headers,
    };
  }

  #reason(aggregateType: string | null): string {
    if (aggregateType === null) return 'the event has no aggregate type';
    if (this.#options.unknownType !== 'create')
      return `aggregate type ${aggregateType} is not in the list of aggregate types`;
    return (
      topicDefect(this.#topic(aggregateType), this.#context.taken) ??
      `${CREATED_TOPICS_MAX} topics were created already`
    );
  }

  #topic(aggregateType: string): string {
    return aggregateTopic(this.#options, this.#context.topicPrefix, aggregateType);
  }

  async #openRoutes(routes: readonly (readonly [type: string, topic: string])[]): Promise<void> {
    const names = routes.map(([, topic]) => topic);
    const topics = await openEventTopics(this.#context, names, this.#shape?.payloadType ?? 'string');
    for (const [i, [type]] of routes.entries()) this.#routes.set(type, topics[i] as EventTopic);
  }
}

function unroutable(reason: string | null): Failure {
  return new Failure('source.outbox_unroutable', 'stop', `an outbox event is not routed: ${reason}`, {
    fix: 'name its aggregate type with --outbox-aggregate-types, or set such events aside with --outbox-unknown-type unrouted',
  });
}

function tooLarge(reason: string): Failure {
  return new Failure('source.outbox_too_large', 'stop', reason, {
    fix: "raise the topic's max.message.bytes, or set such events aside with the beginning of their payload: --on-bad-row dead-letter",
  });
}

function textOrNull(text: string | null): Buffer | null {
  return text === null ? null : Buffer.from(text);
}
