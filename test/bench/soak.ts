import { connectKafka } from '../../connectors/kafka/kafka.ts';
import type { Kafka } from '../../connectors/kafka/port.ts';
import { systemClock } from '../../infra/process/clock.ts';
import { silentLog } from '../../infra/process/log.ts';
import { median } from './figures.ts';
import { benchRecords } from './records.ts';

const PARTITIONS = 8;
const BATCH_RECORDS = 1_000;
const SENDS_IN_FLIGHT = 4;
const TRANSACTION_BATCHES = 10;
const SAMPLE_MS = 1_000;
const REPORT_MS = 30_000;
const POLL_MS = 500;
/** The disk holds a few seconds of full speed. */
const TOPIC = {
  'retention.bytes': String(64 * 2 ** 20),
  'segment.bytes': String(16 * 2 ** 20),
  'file.delete.delay.ms': '1000',
};

interface Sample {
  readonly seconds: number;
  readonly rssMib: number;
  readonly heapMib: number;
  readonly externalMib: number;
}

/** What a part of the run looked like: medians, so that where the collector happens to be does not count. */
export interface SoakFigures {
  readonly records: number;
  readonly seconds: number;
  readonly firstThird: Omit<Sample, 'seconds'>;
  readonly lastThird: Omit<Sample, 'seconds'>;
  readonly rssMaxMib: number;
}

/**
 * Reads and writes at full speed in this process: an idempotent and a transactional producer (lz4, zstd) on one topic, and
 * a read-committed fetcher that follows them.
 */
export async function soak(
  brokers: string,
  seconds: number,
  onProgress: (line: string) => void,
): Promise<SoakFigures> {
  await using kafka = await connectKafka({
    brokers: brokers.split(','),
    clientId: 'soak',
    log: silentLog,
    clock: systemClock,
  });
  const topic = `soak-${process.pid}`;
  await kafka.ensureTopics([{ name: topic, partitions: PARTITIONS, config: TOPIC }]);
  const stop = new AbortController();
  const counts = { written: 0, read: 0 };
  const work = Promise.all([
    writePlainly(kafka, topic, stop.signal, counts),
    writeInTransactions(kafka, topic, stop.signal, counts),
    follow(kafka, topic, stop.signal, counts),
  ]);
  const samples: Sample[] = [];
  const began = performance.now();
  let reportAt = REPORT_MS;
  while (performance.now() - began < seconds * 1_000) {
    await Promise.race([systemClock.sleep(SAMPLE_MS), work]);
    const { rss, heapUsed, external } = process.memoryUsage();
    const at = performance.now() - began;
    samples.push({
      seconds: at / 1e3,
      rssMib: rss / 2 ** 20,
      heapMib: heapUsed / 2 ** 20,
      externalMib: external / 2 ** 20,
    });
    if (at < reportAt) continue;
    reportAt += REPORT_MS;
    onProgress(
      `${Math.round(at / 1e3)} s: ${counts.written} written, ${counts.read} read, ${Math.round(rss / 2 ** 20)} MiB`,
    );
  }
  stop.abort();
  await work;
  const third = Math.floor(samples.length / 3);
  return {
    records: counts.written + counts.read,
    seconds,
    firstThird: mediansOf(samples.slice(0, third)),
    lastThird: mediansOf(samples.slice(-third)),
    rssMaxMib: Math.max(...samples.map(({ rssMib }) => rssMib)),
  };
}

const mediansOf = (samples: readonly Sample[]): Omit<Sample, 'seconds'> => ({
  rssMib: median(samples.map(({ rssMib }) => rssMib)),
  heapMib: median(samples.map(({ heapMib }) => heapMib)),
  externalMib: median(samples.map(({ externalMib }) => externalMib)),
});

interface Counts {
  written: number;
  read: number;
}

async function writePlainly(kafka: Kafka, topic: string, signal: AbortSignal, counts: Counts): Promise<void> {
  await using producer = await kafka.openIdempotentProducer({ compression: 'lz4' });
  const batch = benchRecords(BATCH_RECORDS, PARTITIONS);
  const lane = async (): Promise<void> => {
    while (!signal.aborted) {
      await producer.send(batch.map((record) => ({ ...record, topic, timestamp: Date.now() })));
      counts.written += BATCH_RECORDS;
    }
  };
  await Promise.all(Array.from({ length: SENDS_IN_FLIGHT }, lane));
}

async function writeInTransactions(
  kafka: Kafka,
  topic: string,
  signal: AbortSignal,
  counts: Counts,
): Promise<void> {
  await using producer = await kafka.openProducer(topic, { compression: 'zstd' });
  const batch = benchRecords(BATCH_RECORDS, PARTITIONS);
  for (let n = 0; !signal.aborted; n++) {
    producer.begin();
    for (let sends = 0; sends < TRANSACTION_BATCHES; sends++)
      await producer.send(batch.map((record) => ({ ...record, topic, timestamp: Date.now() })));
    await (n % 10 === 9 ? producer.abort() : producer.commit());
    counts.written += TRANSACTION_BATCHES * BATCH_RECORDS;
  }
}

/** Skips what was deleted before it could be read: the writers are not held back by this reader. */
async function follow(kafka: Kafka, topic: string, signal: AbortSignal, counts: Counts): Promise<void> {
  const all = Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }));
  await using fetcher = kafka.openFetcher();
  fetcher.assign(all.map((partition) => ({ ...partition, offset: 0 })));
  while (!signal.aborted)
    try {
      for (const { records } of await fetcher.poll(POLL_MS)) {
        for (const { key, value } of records)
          if (key === null || value === null) throw new Error('a record is empty');
        counts.read += records.length;
      }
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('its log holds'))) throw error;
      const ends = await kafka.listOffsets(all, 'last-stable');
      fetcher.assign(all.map((partition, index) => ({ ...partition, offset: ends[index]! })));
    }
}
