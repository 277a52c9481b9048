import type { ConsumerRecord, Kafka } from '../../kafka/port.ts';

const POLL_MAX_MS = 500;

/** Hands over every committed record of a topic's first partition, of its last `offsetsMax` offsets, to what is its end now. */
export async function readPartition(
  kafka: Kafka,
  topic: string,
  onRecord: (record: ConsumerRecord) => void,
  offsetsMax = Number.POSITIVE_INFINITY,
): Promise<void> {
  const partition = { topic, partition: 0 };
  const [first = 0] = await kafka.listOffsets([partition], 'earliest');
  const [end = 0] = await kafka.listOffsets([partition], 'last-stable');
  const start = Math.max(first, end - offsetsMax);
  if (start >= end) return;
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset: start }]);
  for (let next = start; next < end;)
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      for (const record of batch.records) onRecord(record);
      next = batch.nextOffset;
    }
}
