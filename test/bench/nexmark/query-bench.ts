import { randomBytes } from 'node:crypto';
import { connectRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { Compression } from '../../../connectors/kafka/compression.ts';
import { describe } from '../../../infra/process/failure.ts';
import { topicName } from '../../../schemas/topic.ts';
import { median, percentile } from '../figures.ts';
import { deleteSubjects, deleteTopics } from '../source/bench-database.ts';
import type { BenchPlace } from '../source/bench-place.ts';
import { closeWindows, proveAnswer, rightAnswer } from './answers.ts';
import { type CatchUp, watchCatchUp } from './catch-up.ts';
import { EVENT_TOPICS, EventEncoder, makeEventTopics, writeEvents } from './event-writer.ts';
import { eventsWith } from './generator.ts';
import { type Pace, pacedRun } from './paced-run.ts';
import { type Query, isWindowed, readTypes } from './queries.ts';
import type { QueryResults } from './report.ts';
import { partitionsOf } from './results.ts';
import { type SystemName, type Systems } from './system.ts';
import { PARTITIONS } from './topics.ts';

/** Event time of what is written beforehand: an event each millisecond, up to about now, so that nothing is too old. */
const EVENTS_PER_SECOND = 1_000;
const BASE_MULTIPLE_MS = 60_000;

export interface QueryBenchOptions {
  readonly records: number;
  readonly rounds: number;
  readonly latencyRounds: number;
  readonly pace: Pace;
  readonly peer: boolean;
  readonly peerHeap: string;
  readonly flags: readonly string[];
  readonly compression: Compression;
}

/** One query on both systems. What it makes in Kafka and in the registry begins with one name, and is deleted. */
export class QueryBench {
  readonly #place: BenchPlace;
  readonly #systems: Systems;
  readonly #query: Query;
  readonly #options: QueryBenchOptions;
  /** Left out of the rest once one of its runs has failed. */
  readonly #failed = new Set<SystemName>();

  constructor(place: BenchPlace, systems: Systems, query: Query, options: QueryBenchOptions) {
    this.#place = place;
    this.#systems = systems;
    this.#query = query;
    this.#options = options;
  }

  async run(): Promise<QueryResults> {
    const runs = new Map<SystemName, CatchUp[]>();
    const latencies = new Map<SystemName, Float64Array[]>();
    await this.#throughput(runs);
    for (let round = 1; round <= this.#options.latencyRounds; round++)
      for (const system of this.#names())
        await this.#once(system, latencies, () => this.#paced(system, round));
    const results = this.#names().map((system) => {
      const paced = latencies.get(system) ?? [];
      const at = (part: number): number => median(paced.map((sorted) => percentile(sorted, part)));
      const latency = paced.length === 0 ? null : { p50: at(0.5), p99: at(0.99), runs: paced.length };
      return [system, { runs: runs.get(system) ?? [], latency }] as const;
    });
    return new Map(results);
  }

  #names(): readonly SystemName[] {
    const all: readonly SystemName[] = this.#options.peer ? ['millrace', 'kafka-streams'] : ['millrace'];
    return all.filter((system) => !this.#failed.has(system));
  }

  /** Our own failure ends the bench; a peer that does not run leaves us our turn. */
  async #once<T>(system: SystemName, into: Map<SystemName, T[]>, run: () => Promise<T>): Promise<void> {
    try {
      into.set(system, [...(into.get(system) ?? []), await run()]);
    } catch (error) {
      if (system === 'millrace' || this.#place.signal.aborted) throw error;
      this.#failed.add(system);
      this.#place.say(`${system} ${this.#query} is left out: ${describe(error)}`);
    }
  }

  async #throughput(runs: Map<SystemName, CatchUp[]>): Promise<void> {
    const { kafka, say } = this.#place;
    const types = readTypes(this.#query);
    const events = eventsWith(this.#options.records, types);
    const latestBaseMs = Date.now() - (events * 1_000) / EVENTS_PER_SECOND;
    const baseMs = latestBaseMs - (latestBaseMs % BASE_MULTIPLE_MS);
    const times = { baseMs, eventsPerSecond: EVENTS_PER_SECOND };
    await using topics = await this.#topics();
    const { prefix, encoder } = topics;
    const records = await writeEvents(kafka, encoder, times, events, types);
    say(`${this.#query}: ${records} records written, of ${events} events; asking SQL for the right answer`);
    const right = rightAnswer(this.#query, times, events, types);
    say(`${this.#query}: ${right.rows} results are right (sum ${right.sum})`);
    const inputs = [...types].flatMap((type) =>
      partitionsOf(topicName(prefix, EVENT_TOPICS[type]), PARTITIONS),
    );
    const close = isWindowed(this.#query)
      ? (round: number) => closeWindows(this.#place, encoder, times, events, round)
      : null;
    for (let round = 1; round <= this.#options.rounds; round++)
      for (const system of this.#names())
        await this.#once(system, runs, async () => {
          const name = `${this.#query}-${system}-${round}`;
          await using running = await this.#systems.start(system, {
            ...this.#request(prefix, name),
            ...times,
          });
          const run = await watchCatchUp(kafka, running, inputs, records);
          await proveAnswer(this.#place, this.#query, running, right, close);
          await running[Symbol.asyncDispose]();
          await deleteTopics(this.#place.stack.kafkaBrokers, running.ownPrefix);
          const { seconds, cpuSeconds, peakMib } = run;
          say(
            `${name}: right; ${Math.round(run.records / seconds)} records/s, ` +
              `${Math.round(run.records / cpuSeconds)} per CPU-second, peak ${Math.round(peakMib)} MiB`,
          );
          return run;
        });
  }

  async #paced(system: SystemName, round: number): Promise<Float64Array> {
    const { pace } = this.#options;
    await using topics = await this.#topics();
    const name = `${this.#query}-${system}-paced-${round}`;
    const types = readTypes(this.#query);
    const eventsPerSecond = eventsWith(pace.perSecond, types);
    const request = { ...this.#request(topics.prefix, name), eventsPerSecond };
    await using running = await this.#systems.start(system, request);
    const sorted = await pacedRun(this.#place, this.#query, running, topics.encoder, types, pace);
    const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
    this.#place.say(
      `${name}: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${sorted.length} results`,
    );
    return sorted;
  }

  #request(prefix: string, name: string) {
    const { compression, peerHeap, flags } = this.#options;
    return { query: this.#query, prefix, name, compression, peerHeap, flags };
  }

  /** Topics of events under a name of their own, until they are disposed of. */
  async #topics(): Promise<{ prefix: string; encoder: EventEncoder } & AsyncDisposable> {
    const { kafka, stack, cleanup } = this.#place;
    const prefix = `bench_${randomBytes(4).toString('hex')}`;
    let deleted: Promise<void> | null = null;
    const deleteAll = async (): Promise<void> => {
      await deleteTopics(stack.kafkaBrokers, prefix);
      await deleteSubjects(stack.registryUrl, prefix);
    };
    const dispose = (): Promise<void> => (deleted ??= deleteAll());
    cleanup.defer(dispose);
    await makeEventTopics(kafka, prefix);
    const registry = connectRegistry({ url: stack.registryUrl, clientId: 'bench-events' });
    const encoder = await EventEncoder.open(registry, prefix);
    return { prefix, encoder, [Symbol.asyncDispose]: dispose };
  }
}
