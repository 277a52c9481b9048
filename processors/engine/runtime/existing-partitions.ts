import type { Kafka } from '../../../connectors/kafka/port.ts';
import { Failure } from '../../../infra/process/failure.ts';

/** Null for a topic that is not there. */
export async function existingPartitions(kafka: Kafka, topic: string): Promise<number | null> {
  try {
    return await kafka.partitionCount(topic);
  } catch (error) {
    if (error instanceof Failure && error.code === 'kafka.topic_missing') return null;
    throw error;
  }
}
