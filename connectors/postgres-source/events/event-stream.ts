import type { PublishedTable } from '../shapes/catalog.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { deadLetterTopic } from '../records/dead-letter.ts';
import type { DebeziumSourceOptions } from '../records/debezium-source.ts';
import { MessageTopic, messageTopicName } from './message-topic.ts';
import type { EnvelopeOptions } from '../records/envelope-options.ts';
import type { EventOptions } from './outbox-options.ts';
import { type OutboxContext, OutboxRouter } from './outbox-router.ts';
import { unroutedTopicName } from './outbox-route.ts';
import { schemaChangeTopic } from '../shapes/schema-change-topic.ts';
import { TransactionMetadata, transactionTopicName } from '../publish/transaction-metadata.ts';
import { takenTopics } from '../shapes/topics.ts';

/** What comes from the WAL beside the rows of tables; null where it is not asked for. */
export interface EventStream {
  readonly outbox: OutboxRouter | null;
  readonly messages: MessageTopic | null;
  readonly transactions: TransactionMetadata | null;
  /** Tables that are published as such: all but the outbox, whose rows before the first start are no events either. */
  readonly tables: readonly PublishedTable[];
}

/**
 * Makes the topics of outbox events, logical messages and transaction metadata ready.
 * @throws Failure `config.invalid`, `source.topic_collision`, `source.outbox_columns`, `kafka.*`, `registry.*`
 */
export async function openEventStream(
  options: EventOptions,
  context: Omit<OutboxContext, 'taken'> &
    DebeziumSourceOptions &
    Pick<EnvelopeOptions, 'transactionMetadata'>,
  published: readonly PublishedTable[],
): Promise<EventStream> {
  const isOutbox = ({ schema, table }: PublishedTable): boolean =>
    `${schema}.${table}` === options.outbox?.table;
  const tables = published.filter((table) => !isOutbox(table));
  const messages = options.messages === null ? null : await MessageTopic.open(context, options.messages);
  const transactions = context.transactionMetadata ? await TransactionMetadata.open(context) : null;
  if (options.outbox === null) return { outbox: null, messages, transactions, tables };
  const taken = eventlessTopics(context.topicPrefix, tables);
  const outbox = new OutboxRouter(options.outbox, { ...context, taken });
  const table = published.find(isOutbox);
  await outbox.open(table === undefined ? null : await context.catalog.relation(table));
  return { outbox, messages, transactions, tables };
}

/** Topics that no aggregate type may have, with their owners. */
function eventlessTopics(prefix: string, tables: readonly PublishedTable[]): Map<string, string> {
  const taken = takenTopics(prefix, tables);
  const unrouted = unroutedTopicName(prefix);
  const owner = taken.get(unrouted);
  if (owner !== undefined)
    throw new Failure(
      'source.topic_collision',
      'stop',
      `${owner} and outbox events that are set aside would both go to topic ${unrouted}`,
      { fix: 'leave the table out of the publication, or rename it' },
    );
  taken.set(unrouted, 'events that are set aside');
  taken.set(messageTopicName(prefix), 'logical messages');
  taken.set(transactionTopicName(prefix), 'transaction metadata');
  taken.set(schemaChangeTopic(prefix).name, 'schema changes');
  return taken.set(deadLetterTopic(prefix).name, 'dead letters');
}
