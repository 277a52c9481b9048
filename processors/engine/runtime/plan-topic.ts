import type { Kafka } from '../../../connectors/kafka/port.ts';
import { type PlanRecord, parsePlanRecord } from '../plan/plan-record.ts';
import { readToEnd } from './read-to-end.ts';
import { existingPartitions } from './existing-partitions.ts';

/** Each record replaces the one before. */
const KEY = Buffer.from('plan');

/**
 * The plan that an application's state was written under, from its plan topic: null where there is none, or when the
 * signal came first.
 * @throws Failure `plan.unreadable` (stop): a later version has written it
 */
export async function readPlan(kafka: Kafka, topic: string, signal: AbortSignal): Promise<PlanRecord | null> {
  if ((await existingPartitions(kafka, topic)) === null) return null;
  let newest: Buffer | null = null;
  await readToEnd({
    kafka,
    signal,
    partitions: [{ topic, partition: 0 }],
    onBatch({ records }) {
      for (const { key, value } of records) if (key?.equals(KEY)) newest = value;
    },
  });
  return newest === null || signal.aborted ? null : parsePlanRecord(String(newest), `topic ${topic}`);
}

export async function writePlan(kafka: Kafka, topic: string, record: PlanRecord, now: number): Promise<void> {
  await using producer = await kafka.openIdempotentProducer();
  const value = Buffer.from(JSON.stringify(record));
  await producer.send([{ topic, partition: 0, timestamp: now, key: KEY, value }]);
}
