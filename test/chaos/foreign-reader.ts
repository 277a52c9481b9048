import type { KafkaCluster } from '../../infra/local/kafka-cluster.ts';
import type { ForeignRecord } from '../support/foreign-record.ts';
import { javaConsume } from '../support/java-tools.ts';
import { hasKcat, kcatConsume } from '../support/kcat.ts';

/** Reads whole topics, read-committed, with a client that is not ours. */
export interface ForeignReader {
  readonly name: string;
  read(topic: string): Promise<ForeignRecord[]>;
}

/** kcat where it is installed, else Java's console consumer. */
export function foreignReader(cluster: KafkaCluster): ForeignReader {
  return hasKcat()
    ? { name: 'kcat', read: (topic) => kcatConsume(cluster.brokers, topic) }
    : { name: "Java's console consumer", read: (topic) => javaConsume(cluster, topic) };
}
