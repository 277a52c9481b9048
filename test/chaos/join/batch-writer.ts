import { partitionFor } from '../../../connectors/kafka/partitioner.ts';
import type { Kafka, ProducerRecord, TransactionalProducer } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { orderFor } from '../../../infra/process/failure.ts';
import { seededRandom } from '../seeded-random.ts';
import { type Batch, batchOf, closingBatch } from './batches.ts';
import { type InputEncoders, readPosition } from './input-topics.ts';
import { type InputName, PARTITIONS } from './topics.ts';

const WAIT_MAX_MS = 100;
const RETRY_MS = 200;
/** Of transactions that are aborted before the same number is written for good. */
const ABORT_SHARE = 0.1;

export interface BatchWriterOptions {
  readonly kafka: Kafka;
  readonly encoders: InputEncoders;
  readonly transactionalId: string;
  readonly positionTopic: string;
  readonly seed: number;
  readonly clock: Clock;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Writes the batches of a seed one after the other, each in one Kafka transaction together with its number, as the
 * source writes its rows with its position: after trouble the number that is committed says where to go on.
 */
export class BatchWriter {
  readonly #options: BatchWriterOptions;
  readonly #random: () => number;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #producer: TransactionalProducer | null = null;
  #lastCommitTime = 0;
  #written = 0;

  constructor(options: BatchWriterOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
    this.#running = this.#run();
    this.#running.catch(options.onTrouble);
  }

  /** Batches that are committed. */
  get written(): number {
    return this.#written;
  }

  /** Writes the closing batch after the one at hand. @returns all that are committed, the closing one last */
  async stop(): Promise<Batch[]> {
    this.#stop.abort();
    await this.#running;
    const { seed, encoders } = this.#options;
    const numbers = this.#written;
    const batches = Array.from({ length: numbers }, (_, number) => batchOf(seed, number));
    const closing = closingBatch(numbers, keysOfAllPartitions(encoders));
    while (this.#written === numbers) await this.#try(() => this.#write(closing));
    await this.#producer?.[Symbol.asyncDispose]();
    return [...batches, closing];
  }

  async #run(): Promise<void> {
    const { clock, seed } = this.#options;
    while (!this.#stop.signal.aborted) {
      await this.#try(async () => {
        // What a reader of aborted records would take for the real ones.
        if (this.#random() < ABORT_SHARE) await this.#write(batchOf(seed + 1, this.#written), true);
        await this.#write(batchOf(seed, this.#written));
      });
      await clock.sleep(this.#random() * WAIT_MAX_MS, this.#stop.signal);
    }
  }

  async #try(step: () => Promise<void>): Promise<void> {
    const { kafka, transactionalId, positionTopic, clock, onTrouble } = this.#options;
    try {
      if (this.#producer === null) {
        this.#producer = await kafka.openProducer(transactionalId);
        const before = this.#written;
        this.#written = await readPosition(kafka, positionTopic);
        // The transaction of which nothing was heard is in.
        if (this.#written > before) return;
      }
      await step();
    } catch (error) {
      if (orderFor(error) === 'stop') throw error;
      onTrouble(error);
      await this.#producer?.[Symbol.asyncDispose]();
      this.#producer = null;
      await clock.sleep(RETRY_MS);
    }
  }

  async #write(batch: Batch, isAborted = false): Promise<void> {
    const { clock, positionTopic } = this.#options;
    const timestamp = Math.max(clock.now(), this.#lastCommitTime + 1);
    this.#lastCommitTime = timestamp;
    const producer = this.#producer;
    if (producer === null) throw new TypeError('a batch is written by nobody');
    const position = { topic: positionTopic, partition: 0, timestamp, key: Buffer.from('written') };
    producer.begin();
    await producer.send([
      ...recordsOf(batch, this.#options.encoders, timestamp),
      { ...position, value: Buffer.from(String(this.#written + 1)) },
    ]);
    if (isAborted) return producer.abort();
    await producer.commit();
    this.#written++;
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
