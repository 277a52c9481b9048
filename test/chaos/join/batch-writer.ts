import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type { Kafka, ProducerRecord } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { NumberedWriter } from '../numbered-writer.ts';
import { seededRandom } from '../seeded-random.ts';
import { type Batch, batchOf, closingBatch } from './batches.ts';
import type { InputEncoders } from './input-topics.ts';
import { type InputName, PARTITIONS } from './topics.ts';

export interface BatchWriterOptions {
  readonly kafka: Kafka;
  readonly encoders: InputEncoders;
  readonly transactionalId: string;
  readonly positionTopic: string;
  readonly seed: number;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

/** Writes the batches of a seed one after the other, each in one Kafka transaction. */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #writer: NumberedWriter;

  constructor(options: BatchWriterOptions) {
    const { seed, encoders } = options;
    this.#options = options;
    this.#writer = new NumberedWriter({
      ...options,
      random: seededRandom(seed),
      recordsOf: (number, timestamp) => recordsOf(batchOf(seed, number), encoders, timestamp),
      decoysOf: (number, timestamp) => recordsOf(batchOf(seed + 1, number), encoders, timestamp),
    });
  }

  /** Batches that are committed. */
  get written(): number {
    return this.#writer.written;
  }

  /** Writes the closing batch after the one at hand. @returns all that are committed, the closing one last */
  async stop(): Promise<Batch[]> {
    const { seed, encoders } = this.#options;
    const closing = (number: number): Batch => closingBatch(number, keysOfAllPartitions(encoders));
    const numbers = await this.#writer.stop((number, timestamp) =>
      recordsOf(closing(number), encoders, timestamp),
    );
    return [...Array.from({ length: numbers }, (_, number) => batchOf(seed, number)), closing(numbers)];
  }
}

function recordsOf(batch: Batch, encoders: InputEncoders, timestamp: number): ProducerRecord[] {
  return (Object.keys(batch) as InputName[]).flatMap((name) => {
    const { topic, ...encode } = encoders[name];
    return batch[name].map(({ key, value }) => ({
      topic,
      partition: partitionFor(encode.keyBody(key), PARTITIONS),
      timestamp,
      key: encode.key(key),
      value: value === null ? null : encode.value(value),
    }));
  });
}

/** A key of its own for each partition. */
function keysOfAllPartitions({ requests }: InputEncoders): string[] {
  const keys = new Map<number, string>();
  for (let i = 0; keys.size < PARTITIONS; i++) {
    const who = `closing ${i}`;
    const partition = partitionFor(requests.keyBody({ who }), PARTITIONS);
    if (!keys.has(partition)) keys.set(partition, who);
  }
  return [...keys.values()];
}
