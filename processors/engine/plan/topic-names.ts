/** What the topics of a plan are called in Kafka. */
export interface TopicNames {
  /** `<prefix>-<pipeline>`: the consumer group, and the beginning of every internal name. */
  readonly applicationId: string;
  /** Of the topic that keeps the plan which the state was written under. */
  readonly plan: string;
  /** Of the topic of records that could not be processed. */
  readonly deadLetters: string;
  catalogue(name: string): string;
  repartition(name: string): string;
  readonly changelog: (store: string) => string;
}
