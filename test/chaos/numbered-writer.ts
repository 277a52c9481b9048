import type { Kafka, ProducerRecord, TransactionalProducer } from '../../connectors/kafka/port.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { orderFor } from '../../infra/process/failure.ts';

const WAIT_MAX_MS = 100;
const RETRY_MS = 200;
const POLL_MAX_MS = 500;
/** Of transactions that are aborted before the same number is written for good. */
const ABORT_SHARE = 0.1;

/** Makes the records of a transaction. */
type RecordsOf = (number: number, timestamp: number) => readonly ProducerRecord[];

export interface NumberedWriterOptions {
  readonly kafka: Kafka;
  readonly transactionalId: string;
  readonly positionTopic: string;
  readonly random: () => number;
  readonly clock: Clock;
  /** From 0 on. */
  readonly recordsOf: RecordsOf;
  /** What a reader of aborted records would take for the real ones. */
  readonly decoysOf: RecordsOf;
  readonly onTrouble: (error: unknown) => void;
}

/**
 * Writes transactions one after the other, each together with its number, as the source writes its rows with its
 * position: after trouble the number that is committed says where to go on. Aborts some before it writes them.
 */
export class NumberedWriter {
  readonly #options: NumberedWriterOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #producer: TransactionalProducer | null = null;
  #lastCommitTime = 0;
  #written = 0;

  constructor(options: NumberedWriterOptions) {
    this.#options = options;
    this.#running = this.#run();
    this.#running.catch(options.onTrouble);
  }

  /** Transactions that are committed. */
  get written(): number {
    return this.#written;
  }

  /** Ends the transaction at hand, and writes one more. @returns how many are committed without that one */
  async stop(last?: RecordsOf): Promise<number> {
    this.#stop.abort();
    await this.#running;
    const numbers = this.#written;
    while (last !== undefined && this.#written === numbers) await this.#try(() => this.#write(last));
    await this.#producer?.[Symbol.asyncDispose]();
    return numbers;
  }

  async #run(): Promise<void> {
    const { clock, random, recordsOf, decoysOf } = this.#options;
    while (!this.#stop.signal.aborted) {
      await this.#try(async () => {
        if (random() < ABORT_SHARE) await this.#write(decoysOf, true);
        await this.#write(recordsOf);
      });
      await clock.sleep(random() * WAIT_MAX_MS, this.#stop.signal);
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

  async #write(recordsOf: RecordsOf, isAborted = false): Promise<void> {
    const { clock, positionTopic } = this.#options;
    const timestamp = Math.max(clock.now(), this.#lastCommitTime + 1);
    this.#lastCommitTime = timestamp;
    const producer = this.#producer;
    if (producer === null) throw new TypeError('a transaction is written by nobody');
    const position = { topic: positionTopic, partition: 0, timestamp, key: Buffer.from('written') };
    producer.begin();
    await producer.send([
      ...recordsOf(this.#written, timestamp),
      { ...position, value: Buffer.from(String(this.#written + 1)) },
    ]);
    if (isAborted) return producer.abort();
    await producer.commit();
    this.#written++;
  }
}

/** How many transactions are committed. To be asked when none is open. */
async function readPosition(kafka: Kafka, topic: string): Promise<number> {
  const partition = { topic, partition: 0 };
  const [end = 0] = await kafka.listOffsets([partition], 'high-watermark');
  let [offset = 0] = await kafka.listOffsets([partition], 'earliest');
  let written = 0;
  await using fetcher = kafka.openFetcher();
  fetcher.assign([{ ...partition, offset }]);
  while (offset < end)
    for (const batch of await fetcher.poll(POLL_MAX_MS)) {
      for (const { value } of batch.records) written = Number(value);
      offset = batch.nextOffset;
    }
  return written;
}
