import { must } from '../../../infra/process/assert.ts';
import type { ProgressCut } from '../../../schemas/progress.ts';
import type { FedTopic } from '../plan/fed-topics.ts';

/** Topic to offset per partition. */
export type Ends = Readonly<Record<string, readonly number[]>>;

/** What Kafka is asked, by topic, in order of partition. */
export interface StageLookups {
  /** Where the group goes on; of a partition that it never committed, where the log begins. */
  committed(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>;
  highWatermarks(topics: readonly string[]): Promise<ReadonlyMap<string, readonly number[]>>;
}

/**
 * A cut on its way through a pipeline. A topic that is read is passed when the group has committed offsets at or past the
 * cut's: what it brings forth is in Kafka then. The cut of a topic that is written is its high watermarks, looked up after
 * all that feeds it is passed; not the last stable offsets, which the open transaction of another task may hold back.
 */
export class StageCut {
  readonly cut: ProgressCut;
  readonly #fed: readonly FedTopic[];
  readonly #lookups: StageLookups;
  readonly #ends: Map<string, readonly number[]>;
  readonly #passed = new Set<string>();

  /** `cut` names every topic that is read and not written by the plan itself. */
  constructor(cut: ProgressCut, fed: readonly FedTopic[], lookups: StageLookups) {
    this.cut = cut;
    this.#fed = fed;
    this.#lookups = lookups;
    this.#ends = new Map(Object.entries(cut.offsets));
  }

  /** Goes on as far as what is committed by now allows. Resolves with the ends of the results once it is through. */
  async follow(): Promise<Ends | null> {
    for (;;) {
      await this.#pass();
      const ready = this.#fed.filter(
        ({ name, feeders }) =>
          !this.#ends.has(name) && [...feeders].every((topic) => this.#passed.has(topic)),
      );
      if (ready.length === 0) return this.#results();
      const found = await this.#lookups.highWatermarks(ready.map(({ name }) => name));
      for (const { name } of ready) this.#ends.set(name, must(found.get(name), `no ends of ${name}`));
    }
  }

  async #pass(): Promise<void> {
    const read = new Set(this.#fed.flatMap(({ feeders }) => [...feeders]));
    const waiting = [...this.#ends].filter(([topic]) => read.has(topic) && !this.#passed.has(topic));
    if (waiting.length === 0) return;
    const committed = await this.#lookups.committed(waiting.map(([topic]) => topic));
    for (const [topic, ends] of waiting) {
      const offsets = committed.get(topic) ?? [];
      if (ends.every((end, partition) => (offsets[partition] ?? 0) >= end)) this.#passed.add(topic);
    }
  }

  #results(): Ends | null {
    const results = this.#fed.filter(({ isInternal }) => !isInternal);
    const ends = results.map(({ name }) => [name, this.#ends.get(name)] as const);
    return ends.every(([, end]) => end !== undefined) ? (Object.fromEntries(ends) as Ends) : null;
  }
}
