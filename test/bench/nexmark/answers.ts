import { systemClock } from '../../../infra/process/clock.ts';
import { Failure } from '../../../infra/process/failure.ts';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import type { EventEncoder } from './event-writer.ts';
import { type EventTimes, type EventType, eventTimeMs, eventType, nexmarkEvent } from './generator.ts';
import { GRACE_MS, HOP, type Query, TUMBLE_MS } from './queries.ts';
import { type Digest, digestOf } from './result-digest.ts';
import { ResultRows } from './result-row.ts';
import { readAll } from './results.ts';
import { SqlOracle } from './sql-oracle.ts';
import type { RunningSystem } from './system.ts';
import { PARTITIONS } from './topics.ts';

/** What every window and its grace is shorter than. */
const CLOSING_MS = Math.max(HOP.sizeMs, TUMBLE_MS) + GRACE_MS + 1_000;
/** Kafka Streams looks for closed windows once a second, and only when an event comes. */
const CLOSING_EVERY_MS = 1_100;
/** So many in a row that bring no result: nothing more will come. */
const IDLE_CLOSINGS_MAX = 4;

/** The right answer to a query over events of its types. */
export function rightAnswer(
  query: Query,
  times: EventTimes,
  events: number,
  types: ReadonlySet<EventType>,
): Digest {
  using oracle = new SqlOracle(times, events, types);
  return digestOf(oracle.rows(query));
}

/** What a system has answered, of what readers can see by now. */
async function answerOf({ kafka, stack }: BenchPlace, query: Query, system: RunningSystem): Promise<Digest> {
  const registry = connectRegistry({ url: stack.registryUrl, clientId: 'bench-answers' });
  const answer = new ResultRows(query);
  for await (const result of readAll(kafka, registry, system.resultName, system.result)) answer.add(result);
  return digestOf(answer.rows());
}

/** Event time goes on in every partition, so that the last windows close. */
export async function closeWindows(
  { kafka }: BenchPlace,
  encoder: EventEncoder,
  times: EventTimes,
  events: number,
  round: number,
): Promise<void> {
  let n = events - 1;
  while (eventType(n) !== 'bid') n--;
  const timestamp = eventTimeMs(times, events) + CLOSING_MS + round;
  await using producer = await kafka.openIdempotentProducer();
  const bid = nexmarkEvent(times, n);
  await producer.send(
    Array.from({ length: PARTITIONS }, (_, partition) => encoder.record(bid, { partition, timestamp })),
  );
}

/**
 * Compares what a system has answered with the SQL, so that one that leaves work out is not measured as fast.
 * @throws Failure `bench.wrong_answer`
 */
export async function proveAnswer(
  place: BenchPlace,
  query: Query,
  system: RunningSystem,
  right: Digest,
  close: ((round: number) => Promise<void>) | null,
): Promise<void> {
  let rows = 0;
  for (let round = 0, idle = 0; ; round++) {
    const answer = await answerOf(place, query, system);
    if (answer.rows === right.rows && answer.sum === right.sum) return;
    idle = answer.rows > rows ? 0 : idle + 1;
    rows = answer.rows;
    if (close === null || idle === IDLE_CLOSINGS_MAX || rows > right.rows)
      throw new Failure(
        'bench.wrong_answer',
        'stop',
        `${system.server.name} has ${answer.rows} results (sum ${answer.sum}), the SQL ${right.rows} (${right.sum})`,
      );
    await close(round);
    await systemClock.sleep(CLOSING_EVERY_MS);
  }
}
