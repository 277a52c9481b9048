import type { FetchedBatch, Kafka, PartitionOffset, TopicPartition } from '../../../connectors/kafka/port.ts';

/** Longest wait for the next part, milliseconds: the signal is looked at this often. */
const POLL_MAX_MS = 500;

interface EndReader {
  readonly kafka: Kafka;
  readonly partitions: readonly TopicPartition[];
  /** Where to begin in each of the partitions. Default: at their beginnings. */
  readonly starts?: readonly number[];
  /** High watermarks of the partitions, where they are known. */
  readonly ends?: readonly number[];
  readonly signal: AbortSignal;
  readonly onBatch: (batch: FetchedBatch) => void | Promise<void>;
  /** Told after each poll. */
  readonly onProgress?: () => void;
}

/**
 * Reads partitions from their beginnings, or from where it is told to, up to the high watermark of this moment, and returns
 * where it stopped, or null when the signal came first: what has been read is then only a part. Not only up to the last
 * stable offset: the offsets of a transaction can be visible before its marker has reached these partitions, and its
 * records must not be missed.
 */
export async function readToEnd(reader: EndReader): Promise<PartitionOffset[] | null> {
  const { kafka, partitions, signal, onBatch, onProgress } = reader;
  if (partitions.length === 0) return [];
  const starts = reader.starts ?? (await kafka.listOffsets(partitions, 'earliest'));
  const ends = reader.ends ?? (await kafka.listOffsets(partitions, 'high-watermark'));
  const idOf = ({ topic, partition }: TopicPartition): string => `${topic} ${partition}`;
  const positions = new Map(partitions.map((partition, i) => [idOf(partition), starts[i] ?? 0]));
  const isThrough = (): boolean =>
    partitions.every((partition, i) => (positions.get(idOf(partition)) ?? 0) >= (ends[i] ?? 0));

  await using fetcher = kafka.openFetcher();
  fetcher.assign(partitions.map(({ topic, partition }, i) => ({ topic, partition, offset: starts[i] ?? 0 })));
  while (!isThrough()) {
    if (signal.aborted) return null;
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      await onBatch(batch);
      positions.set(idOf(batch), batch.nextOffset);
    }
    onProgress?.();
  }
  return partitions.map(({ topic, partition }) => ({
    topic,
    partition,
    offset: positions.get(idOf({ topic, partition })) ?? 0,
  }));
}
