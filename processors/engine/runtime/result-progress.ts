import type { FetchedBatch, Fetcher, Kafka, Producer } from '../../../connectors/kafka/port.ts';
import type { Clock } from '../../../infra/process/clock.ts';
import { describe } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import { progressTopicName } from '../../../schemas/change-event.ts';
import { type ProgressCut, encodeCutOrigin, encodeProgress, isProgress } from '../../../schemas/progress.ts';
import { TABLE_CONFIG } from '../../../schemas/topic.ts';
import { type FedTopic, fedTopics } from '../plan/fed-topics.ts';
import type { Application } from './application.ts';
import { type Ends, StageCut, type StageLookups } from './stage-cut.ts';
import { stageLookups } from './stage-lookups.ts';
import { UpstreamCuts } from './upstream-cuts.ts';

/** Longest wait for cuts, milliseconds: the signal and the ownership are looked at this often. */
const POLL_MAX_MS = 100;
/** Between two looks at committed offsets while a cut is on its way, milliseconds. */
const FOLLOW_INTERVAL_MS = 50;
/** What is read back of the progress topics at the start, offsets: the cuts that are said last are among them. */
const TAIL_OFFSETS = 1_000;
/** After an error, milliseconds. Nothing but the age of what readers are told depends on it. */
const RETRY_MS = 5_000;
/** A cut is small and replaced every second. */
const FETCH = { bufferedBytesMax: 1024 * 1024, partitionBytesMax: 256 * 1024 };

interface ResultProgressParts {
  readonly kafka: Kafka;
  readonly applicationId: string;
  /** Where the source and pipelines tell their progress. */
  readonly sourceTopic: string;
  readonly resultTopic: string;
  readonly fed: readonly FedTopic[];
  /** Whether this process is the one of its group that speaks. */
  readonly isSpeaker: () => boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Tells readers of the results what they stand for: follows the source's cuts through the pipeline by the offsets that the
 * group commits, and writes the pipeline's own to `<prefix>.result-progress`. Runs beside the loop. One process of the group
 * speaks; should two do so for a while, both say what is true.
 */
class ResultProgress implements Disposable {
  readonly #parts: ResultProgressParts;
  readonly #stopping = new AbortController();

  constructor(parts: ResultProgressParts) {
    this.#parts = parts;
  }

  start(): void {
    if (this.#parts.fed.some(({ isInternal }) => !isInternal)) void this.#run();
  }

  /** A request that is under way is not waited for: what it may still say is true. */
  [Symbol.dispose](): void {
    this.#stopping.abort();
  }

  async #run(): Promise<void> {
    const { isSpeaker, clock, log } = this.#parts;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await clock.sleep(POLL_MAX_MS, signal);
      if (!isSpeaker() || signal.aborted) continue;
      try {
        await this.#speak();
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ err: error }, `what the results stand for is not told for now: ${describe(error)}`);
        await clock.sleep(RETRY_MS, signal);
      }
    }
  }

  /** For as long as this process is the one to do it. */
  async #speak(): Promise<void> {
    const { kafka, sourceTopic, resultTopic, applicationId, fed, isSpeaker, clock, log } = this.#parts;
    const written = new Set(fed.map(({ name }) => name));
    const read = new Set(fed.flatMap(({ feeders }) => [...feeders]).filter((name) => !written.has(name)));
    const upstream = new UpstreamCuts(applicationId, [...read]);
    const lookups = stageLookups(kafka, applicationId);
    await kafka.ensureTopics([{ name: resultTopic, partitions: 1, config: TABLE_CONFIG }]);
    await using producer = await kafka.openIdempotentProducer();
    await using fetcher = kafka.openFetcher(FETCH);
    await readTail(kafka, fetcher, [sourceTopic, resultTopic]);
    const under = new Map<string, StageCut>();
    const told = new Map<string, bigint>();
    while (isSpeaker() && !this.#stopping.signal.aborted) {
      take(await fetcher.poll(under.size > 0 ? 0 : POLL_MAX_MS), upstream, log);
      this.#begin(upstream, under, told, lookups);
      for (const [source, stage] of under) {
        const offsets = await stage.follow();
        if (offsets === null) continue;
        await this.#tell(producer, source, { ...stage.cut, offsets });
        told.set(source, stage.cut.endLsn);
        under.delete(source);
      }
      if (under.size > 0) await clock.sleep(FOLLOW_INTERVAL_MS, this.#stopping.signal);
    }
  }

  #begin(
    upstream: UpstreamCuts,
    under: Map<string, StageCut>,
    told: ReadonlyMap<string, bigint>,
    lookups: StageLookups,
  ): void {
    for (const source of upstream.sources) {
      if (under.has(source)) continue;
      const cut = upstream.cutOf(source);
      if (cut === null || cut.endLsn <= (told.get(source) ?? -1n)) continue;
      under.set(source, new StageCut(cut, this.#parts.fed, lookups));
    }
  }

  async #tell(
    producer: Producer,
    source: string,
    cut: ProgressCut & { readonly offsets: Ends },
  ): Promise<void> {
    const { applicationId, resultTopic: topic, clock } = this.#parts;
    const key = encodeCutOrigin({ source, writer: applicationId });
    const timestamp = clock.now();
    await producer.send([{ topic, partition: 0, timestamp, key, value: encodeProgress(cut) }]);
  }
}

/** Begins to tell what an application's results stand for, until disposed. */
export function startResultProgress(
  { kafka, topology, names, clock, log }: Application,
  topicPrefix: string,
  isSpeaker: () => boolean,
): ResultProgress {
  const progress = new ResultProgress({
    kafka,
    applicationId: names.applicationId,
    sourceTopic: progressTopicName(topicPrefix),
    resultTopic: names.resultProgress,
    fed: fedTopics(topology.plan, names),
    isSpeaker,
    clock,
    log,
  });
  progress.start();
  return progress;
}

async function readTail(kafka: Kafka, fetcher: Fetcher, topics: readonly string[]): Promise<void> {
  const partitions = topics.map((topic) => ({ topic, partition: 0 }));
  const starts = await kafka.listOffsets(partitions, 'earliest');
  const ends = await kafka.listOffsets(partitions, 'high-watermark');
  fetcher.assign(
    partitions.map((partition, i) => ({
      ...partition,
      offset: Math.max(starts[i] ?? 0, (ends[i] ?? 0) - TAIL_OFFSETS),
    })),
  );
}

function take(batches: readonly FetchedBatch[], upstream: UpstreamCuts, log: Log): void {
  for (const { records } of batches)
    for (const record of records) if (isProgress(record, log)) upstream.receive(record);
}
