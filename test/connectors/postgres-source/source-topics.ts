import { Kafka, logLevel } from 'kafkajs';
import { inject } from 'vitest';

/** All topics whose names begin with a source's prefix, as the brokers list them. */
export async function topicsOf(prefix: string): Promise<string[]> {
  const brokers = inject('kafkaBrokers').split(',');
  const admin = new Kafka({ brokers, clientId: 'source-topics', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    return (await admin.listTopics()).filter((topic) => topic.startsWith(`${prefix}.`)).toSorted();
  } finally {
    await admin.disconnect();
  }
}
