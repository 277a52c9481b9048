import { resultProgressTopicName } from '../../../schemas/progress.ts';
import { topicName } from '../../../schemas/topic.ts';
import type { TopicNames } from '../plan/topic-names.ts';

/** What a pipeline is called in Kafka. */
export interface ApplicationNames extends TopicNames {
  /** A topic that is there while a reset is under way. */
  readonly resetMark: string;
  /** Where pipelines tell what their results stand for. */
  readonly resultProgress: string;
  /** One per process: two processes with one instance name would fence each other. */
  transactionalId(instance: string): string;
}

export function applicationNames(prefix: string, pipeline: string): ApplicationNames {
  const applicationId = `${prefix}-${pipeline}`;
  return {
    applicationId,
    catalogue: (name) => topicName(prefix, { name }),
    repartition: (name) => `${applicationId}-${name}-repartition`,
    plan: `${applicationId}-plan`,
    deadLetters: `${applicationId}-dlq`,
    changelog: (store) => `${applicationId}-${store}-changelog`,
    resultProgress: resultProgressTopicName(prefix),
    resetMark: `${applicationId}-reset`,
    transactionalId: (instance) => `${applicationId}-${instance}`,
  };
}
