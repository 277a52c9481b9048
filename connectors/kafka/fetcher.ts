import { assert } from '../../infra/process/assert.ts';
import { backoffMs } from '../../infra/process/backoff.ts';
import type { BackoffPolicy } from '../../infra/process/backoff.ts';
import { Failure, orderFor } from '../../infra/process/failure.ts';
import { onTopic } from './access.ts';
import { committedRecords } from './aborted-transactions.ts';
import { partitionKey } from './by-topic.ts';
import type { Cluster, TopicMetadata } from './cluster.ts';
import { Connections } from './connections.ts';
import type { ClientContext } from './connections.ts';
import { ERROR, failureOf } from './error-code.ts';
import { fetchRequest } from './fetch-request.ts';
import type { FetchLimits, FetchedPartition } from './fetch-request.ts';
import type { OffsetLookup } from './offsets.ts';
import type {
  ConsumerRecord,
  FetchedBatch,
  Fetcher,
  FetcherOptions,
  PartitionOffset,
  TopicPartition,
} from './port.ts';

/** Bytes of one answer. */
const FETCH_BYTES_MAX = 4 * 1024 * 1024;
/** Bytes of one partition in an answer. */
const PARTITION_FETCH_BYTES_MAX = 1024 * 1024;
/** A partition with as much as this many answers may bring of it waiting for poll is not fetched. */
const PARTITION_ANSWERS_MAX = 2;
/** Bytes that wait for poll, or may arrive, in all. */
const BUFFERED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Two requests may be under way to a broker, on connections of their own. The first waits at the broker for data of
 * all partitions that were free when it was sent. A partition that becomes free meanwhile is fetched by the second,
 * which waits only shortly, so that the next one is not kept waiting in turn.
 */
const LANES = [{ maxWaitMs: 250 }, { maxWaitMs: 20 }] as const;
/** The first lane's wait where the last one ended with nothing: records end it at once, so it only saves requests. */
const QUIET_WAIT_MS = 5_000;

const RECONNECT: BackoffPolicy = { initialMs: 50, maxMs: 2_000, attemptsMax: Number.POSITIVE_INFINITY };

/** The first failure commonly passes at once; of those that last, a few are enough to be told. */
const WARN_EVERY_ATTEMPTS = 30;

interface Reading extends TopicPartition {
  position: number;
  paused: boolean;
  inFlight: boolean;
  /** Whether poll has told of this partition since it was assigned. */
  reported: boolean;
  waiting: ConsumerRecord[];
  waitingBytes: number;
  lastStableOffset: number;
}

interface Backoff {
  readonly attempt: number;
  /** Until its timer is through. Not a time to compare with: timers count from the begin of their turn of the event loop. */
  held: boolean;
}

interface FetcherParts extends FetcherOptions {
  readonly context: ClientContext;
  readonly cluster: Cluster;
  readonly listOffsets: OffsetLookup['listOffsets'];
}

export function openFetcher(options: FetcherParts): Fetcher {
  return new PrefetchingFetcher(options);
}

class PrefetchingFetcher implements Fetcher {
  readonly #options: FetcherParts;
  readonly #lanes: readonly Connections[];
  readonly #busy: readonly Set<number>[];
  readonly #backoffs = new Map<string, Backoff>();
  readonly #closing = new AbortController();
  readonly #arrived = new Set<Reading>();
  /** Brokers whose last long wait ended with nothing. */
  readonly #quiet = new Set<number>();
  #readings = new Map<string, Reading>();
  #reservedBytes = 0;
  #locating = false;
  #failure: Error | undefined;
  #wake: AbortController | undefined;

  constructor(options: FetcherParts) {
    this.#options = options;
    this.#lanes = LANES.map(() => new Connections(options.context));
    this.#busy = LANES.map(() => new Set<number>());
  }

  assign(partitions: readonly PartitionOffset[]): void {
    // A reading that is not in the map any more is how an answer to an older request is known, and dropped.
    this.#readings = new Map(partitions.map((partition) => [partitionKey(partition), newReading(partition)]));
    this.#arrived.clear();
    this.#failure = undefined;
    this.#pump();
  }

  async poll(maxWaitMs: number): Promise<readonly FetchedBatch[]> {
    assert(this.#wake === undefined, 'poll() while another poll is waiting');
    if (this.#arrived.size === 0 && this.#failure === undefined && !this.#closing.signal.aborted) {
      this.#wake = new AbortController();
      await this.#options.context.clock.sleep(maxWaitMs, this.#wake.signal);
      this.#wake = undefined;
    }
    if (this.#failure !== undefined) throw this.#failure;
    const batches: FetchedBatch[] = [];
    for (const reading of this.#arrived) {
      const { topic, partition, waiting: records, position: nextOffset, lastStableOffset } = reading;
      batches.push({ topic, partition, records, nextOffset, lastStableOffset });
      reading.waiting = [];
      reading.waitingBytes = 0;
    }
    this.#arrived.clear();
    if (batches.length > 0) this.#pump();
    return batches;
  }

  seek(offsets: readonly PartitionOffset[]): void {
    for (const partition of offsets) {
      const key = partitionKey(partition);
      const current = this.#readings.get(key);
      assert(current !== undefined, `seek() on ${key}, which is not assigned`);
      // As in assign: the answer to a request that is under way belongs to the reading that it was made for.
      this.#readings.set(key, { ...newReading(partition), paused: current.paused });
      this.#arrived.delete(current);
    }
    this.#failure = undefined;
    this.#pump();
  }

  pause(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, true);
  }

  resume(partitions: readonly TopicPartition[]): void {
    this.#setPaused(partitions, false);
    this.#pump();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#readings.clear();
    this.#wake?.abort(NEWS);
    await Promise.all(this.#lanes.map((lane) => lane[Symbol.asyncDispose]()));
  }

  #setPaused(partitions: readonly TopicPartition[], paused: boolean): void {
    for (const partition of partitions) {
      const reading = this.#readings.get(partitionKey(partition));
      if (reading !== undefined) reading.paused = paused;
    }
  }

  /** Sends every request that can be sent now. Called whenever something that may hold one back has changed. */
  #pump(): void {
    if (this.#closing.signal.aborted || this.#failure !== undefined) return;
    const { cluster, partitionBytesMax = PARTITION_FETCH_BYTES_MAX } = this.#options;
    const byLeader = new Map<number, Reading[]>();
    const leaderless = new Set<string>();
    for (const [key, reading] of this.#readings) {
      if (
        reading.paused ||
        reading.inFlight ||
        reading.waitingBytes >= PARTITION_ANSWERS_MAX * partitionBytesMax
      )
        continue;
      if (this.#isHeldBack(key)) continue;
      const leader = cluster.leader(reading.topic, reading.partition);
      if (leader === undefined) leaderless.add(reading.topic);
      else if (byLeader.has(leader)) byLeader.get(leader)?.push(reading);
      else byLeader.set(leader, [reading]);
    }
    if (leaderless.size > 0) this.#locate(leaderless);
    for (const [leader, readings] of byLeader) this.#launch(leader, readings);
  }

  #isHeldBack(key: string): boolean {
    return this.#backoffs.get(key)?.held === true;
  }

  #launch(leader: number, readings: readonly Reading[]): void {
    if (this.#isHeldBack(brokerKey(leader))) return;
    const lane = this.#busy.findIndex((busy) => !busy.has(leader));
    const { bufferedBytesMax = BUFFERED_BYTES_MAX, partitionBytesMax = PARTITION_FETCH_BYTES_MAX } =
      this.#options;
    const bytesMax = Math.min(FETCH_BYTES_MAX, bufferedBytesMax - this.#reservedBytes - this.#waitingBytes());
    if (lane < 0 || bytesMax < partitionBytesMax) return;
    // On a quiet broker all partitions gather for one long wait, instead of two requests taking turns for ever.
    if (lane === 0 && this.#quiet.has(leader) && this.#busy[1]!.has(leader)) return;
    const maxWaitMs = lane === 0 && this.#quiet.has(leader) ? QUIET_WAIT_MS : LANES[lane]!.maxWaitMs;
    for (const reading of readings) reading.inFlight = true;
    this.#busy[lane]!.add(leader);
    this.#reservedBytes += bytesMax;
    const limits = { maxWaitMs, bytesMax, partitionBytesMax };
    void this.#fetch(this.#lanes[lane]!, leader, readings, limits).finally(() => {
      if (lane === 0 && readings.some((reading) => this.#arrived.has(reading))) this.#quiet.delete(leader);
      else if (lane === 0) this.#quiet.add(leader);
      this.#busy[lane]!.delete(leader);
      this.#reservedBytes -= bytesMax;
      this.#pump();
    });
  }

  #waitingBytes(): number {
    let bytes = 0;
    for (const reading of this.#arrived) bytes += reading.waitingBytes;
    return bytes;
  }

  /** Never rejects: what went wrong is remembered for poll, or tried again. */
  async #fetch(
    lane: Connections,
    leader: number,
    readings: readonly Reading[],
    limits: FetchLimits,
  ): Promise<void> {
    const { cluster } = this.#options;
    const asked = new Set(readings);
    try {
      const fetched = await lane.send(cluster.address(leader), fetchRequest(readings, limits));
      this.#backoffs.delete(brokerKey(leader));
      const outOfRange = fetched
        .map((part) => this.#take(part, asked))
        .find((reading) => reading !== undefined);
      if (outOfRange !== undefined) await this.#failOutOfRange(outOfRange);
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (orderFor(error) !== 'retry') return this.#fail(error);
      for (const { topic } of readings) cluster.forgetLeader(topic);
      this.#holdBack(brokerKey(leader), error);
    } finally {
      for (const reading of readings) reading.inFlight = false;
    }
  }

  /** The reading, if its position is not in the log. */
  #take(part: FetchedPartition, asked: ReadonlySet<Reading>): Reading | undefined {
    const key = partitionKey(part);
    const reading = this.#readings.get(key);
    if (reading === undefined || !asked.has(reading)) return undefined;
    if (part.errorCode === ERROR.offsetOutOfRange) return reading;
    if (part.errorCode !== ERROR.none) {
      this.#retryLater(key, part);
      return undefined;
    }
    this.#backoffs.delete(key);
    const { records, nextOffset } = committedRecords(part.recordSet, part.aborted, reading, reading.position);
    const news = nextOffset > reading.position || !reading.reported;
    reading.lastStableOffset = part.lastStableOffset;
    if (!news) return undefined;
    reading.position = nextOffset;
    reading.reported = true;
    reading.waitingBytes += part.recordSet.length;
    if (reading.waiting.length === 0) reading.waiting = records;
    else for (const record of records) reading.waiting.push(record);
    this.#toTheEnd(key, reading);
    this.#arrived.add(reading);
    this.#wake?.abort(NEWS);
    return undefined;
  }

  /** The broker fills an answer in the order of the request: who has just had data comes last. */
  #toTheEnd(key: string, reading: Reading): void {
    this.#readings.delete(key);
    this.#readings.set(key, reading);
  }

  #retryLater(key: string, part: FetchedPartition): void {
    const { topic } = part;
    const failure = failureOf(part.errorCode, `fetching ${topic}-${part.partition}`, onTopic('Read', topic));
    if (failure.order !== 'retry') return this.#fail(failure);
    this.#options.cluster.forgetLeader(topic);
    this.#holdBack(key, failure);
  }

  /** Finds the leaders of topics, for as long as it takes. */
  #locate(topics: ReadonlySet<string>): void {
    if (this.#locating) return;
    this.#locating = true;
    const { cluster } = this.#options;
    void cluster
      .refresh([...topics])
      .then(
        (found) => {
          const missing = leaderless(found);
          const lasting = missing.find(({ order }) => order !== 'retry');
          if (lasting !== undefined) this.#fail(lasting);
          else if (missing[0] === undefined) this.#backoffs.delete(LOCATING);
          else this.#holdBackAll(topics, missing[0]);
        },
        (error: unknown) =>
          orderFor(error) === 'retry' ? this.#holdBackAll(topics, error) : this.#fail(error),
      )
      .finally(() => {
        this.#locating = false;
        this.#pump();
      });
  }

  #holdBackAll(topics: ReadonlySet<string>, error: unknown): void {
    const { cluster } = this.#options;
    const backoff = this.#holdBack(LOCATING, error);
    for (const [key, { topic, partition }] of this.#readings)
      if (topics.has(topic) && cluster.leader(topic, partition) === undefined)
        this.#backoffs.set(key, backoff);
  }

  #holdBack(key: string, error: unknown): Backoff {
    const { clock, random, log } = this.#options.context;
    const attempt = (this.#backoffs.get(key)?.attempt ?? -1) + 1;
    const waitMs = Math.ceil(backoffMs(RECONNECT, Math.min(attempt, 10), random));
    const backoff = { attempt, held: true };
    this.#backoffs.set(key, backoff);
    const level = attempt % WARN_EVERY_ATTEMPTS === 1 ? 'warn' : 'debug';
    log[level]({ err: error, attempt, waitMs }, 'fetching goes on after a wait');
    void clock.sleep(waitMs, this.#closing.signal).then(() => {
      backoff.held = false;
      this.#pump();
    });
    return backoff;
  }

  async #failOutOfRange(reading: Reading): Promise<void> {
    const { listOffsets } = this.#options;
    const [[earliest], [end]] = await Promise.all([
      listOffsets([reading], 'earliest'),
      listOffsets([reading], 'high-watermark'),
    ]);
    const where = `${reading.topic}-${reading.partition}`;
    this.#fail(
      new Failure(
        'kafka.offset_out_of_range',
        'stop',
        `${where} is read at offset ${reading.position}, its log holds ${earliest} to ${end}: records were deleted before they were read, or the topic was made anew`,
        { fix: 'restore the topic, or reset the offsets and the state of the application that reads it' },
      ),
    );
  }

  #fail(error: unknown): void {
    const told = this.#options.cluster.explained(error);
    this.#failure ??= told instanceof Error ? told : new Error(String(told));
    this.#wake?.abort(NEWS);
  }
}

/** Why there is nobody to read topics from, one by one. */
function leaderless(found: ReadonlyMap<string, TopicMetadata>): readonly Failure[] {
  return [...found].flatMap(([topic, { errorCode, leaders }]) => {
    if (errorCode === ERROR.none && !leaders.includes(-1)) return [];
    const code = errorCode || ERROR.leaderNotAvailable;
    return [failureOf(code, `reading ${topic}`, onTopic('Describe', topic))];
  });
}

const LOCATING = 'leaders';
/** A reason that needs no DOMException to be made. */
const NEWS = 'news';
const brokerKey = (nodeId: number): string => `broker ${nodeId}`;

function newReading({ topic, partition, offset }: PartitionOffset): Reading {
  return {
    topic,
    partition,
    position: offset,
    paused: false,
    inFlight: false,
    reported: false,
    waiting: [],
    waitingBytes: 0,
    lastStableOffset: -1,
  };
}
