import type { TopicPartition } from './port.ts';

/** The protocol's shape: a topic once, with all of its partitions. */
export interface TopicGroup<T> {
  readonly topic: string;
  readonly partitions: T[];
}

/** Groups in order of first sight. */
export function byTopic<T extends TopicPartition>(items: Iterable<T>): TopicGroup<T>[] {
  const groups = new Map<string, TopicGroup<T>>();
  for (const item of items) {
    const group = groups.get(item.topic);
    if (group === undefined) groups.set(item.topic, { topic: item.topic, partitions: [item] });
    else group.partitions.push(item);
  }
  return [...groups.values()];
}

/** A map key. Topic names hold no slash. */
export const partitionKey = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
