import type { Kafka } from '../../../connectors/kafka/port.ts';
import { decodeCutOrigin } from '../../../schemas/progress.ts';
import type { ApplicationNames } from './application-names.ts';
import { readToEnd } from './read-to-end.ts';

/**
 * Takes back what an application has said its results stand for: they are to be made again from the first record. Returns how many
 * cuts that were.
 */
export async function retractCuts(
  kafka: Kafka,
  { applicationId, resultProgress: topic }: ApplicationNames,
  now: number,
): Promise<number> {
  if ((await kafka.existingTopics([topic])).length === 0) return 0;
  const said = new Map<string, Buffer>();
  await readToEnd({
    kafka,
    partitions: [{ topic, partition: 0 }],
    signal: new AbortController().signal,
    onBatch({ records }) {
      for (const { key, value } of records) {
        if (key === null || decodeCutOrigin(key).writer !== applicationId) continue;
        if (value === null) said.delete(key.toString());
        else said.set(key.toString(), key);
      }
    },
  });
  if (said.size === 0) return 0;
  await using producer = await kafka.openIdempotentProducer();
  await producer.send(
    [...said.values()].map((key) => ({ topic, partition: 0, timestamp: now, key, value: null })),
  );
  return said.size;
}
