import type { Kafka, ProducerRecord, TransactionalProducer } from '../../connectors/kafka/port.ts';
import type { Clock } from '../../infra/process/clock.ts';
import { orderFor } from '../../infra/process/failure.ts';

const BATCH_MAX = 40;
const WAIT_MAX_MS = 60;
const RETRY_MS = 100;
const ABORT_SHARE = 0.1;

/** Writes known records in transactions, some of which it aborts. */
export interface Writer {
  /** Values of committed transactions' records. */
  readonly acknowledged: ReadonlySet<string>;
  readonly aborted: ReadonlySet<string>;
  /** Ends the transaction at hand, and then itself. */
  stop(): Promise<void>;
}

export interface WriterOptions {
  readonly kafka: Kafka;
  readonly clock: Clock;
  readonly random: () => number;
  readonly topic: string;
  readonly partitions: number;
  readonly onTrouble: (error: unknown) => void;
}

/** Each value is `partition:number`; a number is never used twice. */
export function startWriter(options: WriterOptions): Writer {
  const { clock, random, onTrouble, kafka, topic } = options;
  const acknowledged = new Set<string>();
  const aborted = new Set<string>();
  const stop = new AbortController();
  const numbers = Array.from({ length: options.partitions }, () => 0);
  const owned: { producer: TransactionalProducer | null } = { producer: null };
  const writeOnce = async (): Promise<void> => {
    const producer = (owned.producer ??= await kafka.openProducer(`${topic}-writer`));
    const records = nextRecords(options, numbers);
    producer.begin();
    await producer.send(records);
    const isAborted = random() < ABORT_SHARE;
    await (isAborted ? producer.abort() : producer.commit());
    for (const { value } of records) (isAborted ? aborted : acknowledged).add(String(value));
  };
  const running = (async () => {
    while (!stop.signal.aborted) {
      try {
        await writeOnce();
      } catch (error) {
        if (orderFor(error) === 'stop') throw error;
        onTrouble(error);
        await owned.producer?.[Symbol.asyncDispose]();
        owned.producer = null;
        await clock.sleep(RETRY_MS);
      }
      await clock.sleep(random() * WAIT_MAX_MS, stop.signal);
    }
    await owned.producer?.[Symbol.asyncDispose]();
  })();
  running.catch(onTrouble);
  return {
    acknowledged,
    aborted,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

function nextRecords({ topic, random }: WriterOptions, numbers: number[]): ProducerRecord[] {
  return Array.from({ length: 1 + Math.floor(random() * BATCH_MAX) }, () => {
    const partition = Math.floor(random() * numbers.length);
    const number = (numbers[partition] ?? 0) + 1;
    numbers[partition] = number;
    const value = Buffer.from(`${partition}:${number}`);
    return { topic, partition, timestamp: Date.now(), key: null, value };
  });
}
