import type { Kafka, TopicPartition } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { median } from '../figures.ts';
import { costOf } from './process-cost.ts';
import type { ProcessCost } from './process-cost.ts';

const SAMPLE_MS = 20;
/** A topic that grows no more for so long is counted, to see whether everything is there. */
const QUIET_MS = 1_000;
const STALLED_MS = 60_000;
const POLL_MS = 500;
/** Rows become visible by whole Kafka transactions: a short run is mostly their edges. */
const SECONDS_MIN = 0.5;
/** What a writer of a topic did between its first committed records and its last. */
export interface TopicRun {
  readonly rows: number;
  readonly seconds: number;
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number;
  readonly peakMib: number;
  /** Medians of the first and the last third of the run. */
  readonly rssMib: readonly [first: number, last: number];
}

interface Sample extends ProcessCost {
  readonly at: number;
  readonly offsets: readonly number[];
  readonly sum: number;
}

/**
 * Watches what a read-committed reader could see of a topic (its last stable offsets) until `rows` more records are
 * there, and reads them only then, to count: while it is measured the process has no company.
 */
export async function watchTopic(
  kafka: Kafka,
  { topic, partitions, rows, pid }: TopicWatch,
  start: () => Promise<void>,
): Promise<TopicRun> {
  const all = Array.from({ length: partitions }, (_, partition) => ({ topic, partition }));
  const from = await kafka.listOffsets(all, 'last-stable');
  await start();
  const samples: Sample[] = [];
  let last = await sample(kafka, all, pid());
  const begin = sumOf(from);
  for (;;) {
    await systemClock.sleep(SAMPLE_MS);
    const now = await sample(kafka, all, pid());
    if (now.sum > last.sum) {
      samples.push(now);
      last = now;
      continue;
    }
    if (now.at - last.at > STALLED_MS)
      throw new Error(`${topic} stands still at ${last.sum - begin} offsets of ${rows} rows`);
    if (last.sum - begin < rows || now.at - last.at < QUIET_MS) continue;
    if ((await countRecords(kafka, all, from, last.offsets)) >= rows) break;
  }
  return await runOf(kafka, all, samples, costOf(pid()).peakMib);
}

export interface TopicWatch {
  readonly topic: string;
  readonly partitions: number;
  readonly rows: number;
  /** Of the process that writes; it runs from the end of `start` on. */
  readonly pid: () => number;
}

async function sample(kafka: Kafka, all: readonly TopicPartition[], pid: number): Promise<Sample> {
  const offsets = await kafka.listOffsets(all, 'last-stable');
  return { at: performance.now(), offsets, sum: sumOf(offsets), ...costOf(pid) };
}

async function runOf(
  kafka: Kafka,
  all: readonly TopicPartition[],
  samples: readonly Sample[],
  peakMib: number,
): Promise<TopicRun> {
  // What waits in queues when the first rows appear is little: a later start would count rows that were read before it.
  const first = samples[0]!;
  const last = samples.at(-1)!;
  const seconds = (last.at - first.at) / 1e3;
  if (seconds < SECONDS_MIN)
    throw new Error(`too few rows: ${seconds.toFixed(2)} s between the first rows and the last say nothing`);
  const rows = await countRecords(kafka, all, first.offsets, last.offsets);
  const third = Math.max(1, Math.floor(samples.length / 3));
  const rss = (part: readonly Sample[]): number => median(part.map(({ rssMib }) => rssMib));
  return {
    rows,
    seconds,
    rowsPerSecond: rows / seconds,
    cpuMicrosPerRow: ((last.cpuSeconds - first.cpuSeconds) / rows) * 1e6,
    peakMib,
    rssMib: [rss(samples.slice(0, third)), rss(samples.slice(-third))],
  };
}

/** Offsets count control records too; only a reader knows what are rows. */
async function countRecords(
  kafka: Kafka,
  all: readonly TopicPartition[],
  from: readonly number[],
  to: readonly number[],
): Promise<number> {
  const open = new Set(all.filter((_, i) => from[i]! < to[i]!).map(({ partition }) => partition));
  if (open.size === 0) return 0;
  await using fetcher = kafka.openFetcher();
  fetcher.assign(
    all
      .map((partition, i) => ({ ...partition, offset: from[i]! }))
      .filter(({ partition }) => open.has(partition)),
  );
  let count = 0;
  while (open.size > 0)
    for (const { partition, records, nextOffset } of await fetcher.poll(POLL_MS)) {
      for (const { offset } of records) if (offset < to[partition]!) count++;
      if (nextOffset >= to[partition]!) open.delete(partition);
    }
  return count;
}

const sumOf = (offsets: readonly number[]): number => offsets.reduce((sum, offset) => sum + offset, 0);
