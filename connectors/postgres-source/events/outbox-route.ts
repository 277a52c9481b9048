import { Failure } from '../../../infra/process/failure.ts';
import { type OutboxOptions, ROUTED_BY_VALUE } from './outbox-options.ts';

/** Topics that `create` makes at most: more aggregate types than this are a column of values taken for one of kinds. */
export const CREATED_TOPICS_MAX = 100;
const TOPIC_NAME = /^[A-Za-z0-9._-]{1,249}$/;

/** Where events of an aggregate type go. */
export function aggregateTopic(
  options: Pick<OutboxOptions, 'topic'>,
  prefix: string,
  aggregateType: string,
): string {
  const pattern = options.topic ?? `${prefix}.outbox.event.${ROUTED_BY_VALUE}`;
  return pattern.replaceAll(ROUTED_BY_VALUE, () => aggregateType);
}

/** Where events go that no other topic takes. */
export function unroutedTopicName(prefix: string): string {
  return `${prefix}.outbox.unrouted`;
}

/**
 * The topics of the aggregate types that are named. `taken` are topics with their owners.
 * @throws Failure `config.invalid` for a type that makes no topic name, `source.topic_collision`
 */
export function listedTopics(
  options: OutboxOptions,
  prefix: string,
  taken: ReadonlyMap<string, string>,
): Map<string, string> {
  const topics = new Map<string, string>();
  for (const type of options.aggregateTypes) {
    const topic = aggregateTopic(options, prefix, type);
    const defect = topicDefect(topic, taken);
    if (defect !== null)
      throw new Failure(
        taken.has(topic) ? 'source.topic_collision' : 'config.invalid',
        'stop',
        `aggregate type ${type}: ${defect}`,
        { fix: 'choose other topic names with --outbox-topic, or another name for the aggregate type' },
      );
    topics.set(type, topic);
  }
  return topics;
}

/** Why a topic cannot be an aggregate type's, null when it can. */
export function topicDefect(topic: string, taken: ReadonlyMap<string, string>): string | null {
  if (!TOPIC_NAME.test(topic)) return `${topic} is no name for a topic`;
  const owner = taken.get(topic);
  return owner === undefined ? null : `topic ${topic} belongs to ${owner}`;
}
