import type { Kafka, Producer } from '../../../connectors/kafka/port.ts';
import { systemClock } from '../../../infra/process/clock.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import type { EventEncoder } from './event-writer.ts';
import {
  type EventTimes,
  type EventType,
  eventTimeMs,
  eventType,
  eventsWith,
  nexmarkEvent,
} from './generator.ts';
import type { Query } from './queries.ts';
import { causeMs } from './result-row.ts';
import { ResultDecoder, partitionsOf } from './results.ts';
import type { RunningSystem } from './system.ts';

const TICK_MS = 1;
const POLL_MS = 100;
/** Results are waited for until none has come for so long. */
const QUIET_MS = 3_000;
/** A system has caught up with what was written while it started when a result comes as soon as this. */
const CAUGHT_UP_MS = 2_000;
const CAUGHT_UP_MAX_MS = 120_000;
const RESULTS_MIN = 100;

export interface Pace {
  /** Of the events that the query reads. */
  readonly perSecond: number;
  /** From the moment on when the system has caught up with what was written while it started. */
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

const nowMs = (): number => performance.timeOrigin + performance.now();

/**
 * Writes events when their time has come, whatever has become of the ones before, and takes the time when a
 * read-committed reader has each result in hand. @returns milliseconds, ascending
 */
export async function pacedRun(
  place: BenchPlace,
  query: Query,
  system: RunningSystem,
  encoder: EventEncoder,
  types: ReadonlySet<EventType>,
  pace: Pace,
): Promise<Float64Array> {
  const { kafka, stack } = place;
  const times = { baseMs: Date.now(), eventsPerSecond: eventsWith(pace.perSecond, types) };
  const decoder = new ResultDecoder(
    connectRegistry({ url: stack.registryUrl, clientId: 'bench-results' }),
    system.result,
  );
  await using fetcher = kafka.openFetcher();
  const outputs = partitionsOf(system.resultName, system.result.partitions);
  fetcher.assign(outputs.map((partition) => ({ ...partition, offset: 0 })));
  const schedule: Schedule = { fromMs: Number.POSITIVE_INFINITY, untilMs: Number.POSITIVE_INFINITY };
  const writing = writePaced(kafka, encoder, types, times, schedule);
  writing.catch(() => undefined);
  const latencies: number[] = [];
  for (let lastMs = nowMs(); nowMs() < Math.max(schedule.untilMs, lastMs + QUIET_MS);) {
    const batches = await fetcher.poll(POLL_MS);
    const arrivedMs = nowMs();
    if (schedule.fromMs === Number.POSITIVE_INFINITY && arrivedMs - times.baseMs > CAUGHT_UP_MAX_MS) {
      schedule.untilMs = 0;
      break;
    }
    for (const { records } of batches) {
      if (records.length === 0) continue;
      lastMs = arrivedMs;
      for (const record of records) {
        const cause = causeMs(query, await decoder.decode(record));
        if (cause === null) continue;
        if (arrivedMs - cause < CAUGHT_UP_MS) begin(schedule, arrivedMs, pace);
        if (cause >= schedule.fromMs && cause < schedule.untilMs) latencies.push(arrivedMs - cause);
      }
    }
  }
  await writing;
  if (latencies.length < RESULTS_MIN)
    throw new Error(
      `${system.server.name} has only ${latencies.length} results in time, too few to tell latency`,
    );
  return Float64Array.from(latencies).toSorted();
}

/** Event times that are measured: known once a system has caught up, so that the start of programs does not count. */
interface Schedule {
  fromMs: number;
  untilMs: number;
}

function begin(schedule: Schedule, caughtUpMs: number, { warmUpSeconds, seconds }: Pace): void {
  if (schedule.fromMs !== Number.POSITIVE_INFINITY) return;
  schedule.fromMs = caughtUpMs + warmUpSeconds * 1_000;
  schedule.untilMs = schedule.fromMs + seconds * 1_000;
}

async function writePaced(
  kafka: Kafka,
  encoder: EventEncoder,
  types: ReadonlySet<EventType>,
  times: EventTimes,
  schedule: Schedule,
): Promise<void> {
  await using producer = await kafka.openIdempotentProducer();
  const failed = Promise.withResolvers<never>();
  failed.promise.catch(() => undefined);
  for (let n = 0; eventTimeMs(times, n) < schedule.untilMs;) {
    const now = nowMs();
    const first = n;
    while (eventTimeMs(times, n) <= now) n++;
    sendRange(producer, encoder, types, times, first, n).catch(failed.reject);
    await Promise.race([systemClock.sleep(TICK_MS), failed.promise]);
  }
}

async function sendRange(
  producer: Producer,
  encoder: EventEncoder,
  types: ReadonlySet<EventType>,
  times: EventTimes,
  from: number,
  to: number,
): Promise<void> {
  const records = [];
  for (let n = from; n < to; n++)
    if (types.has(eventType(n))) records.push(encoder.record(nexmarkEvent(times, n)));
  if (records.length > 0) await producer.send(records);
}
