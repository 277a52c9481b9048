import type { ConsumerRecord, FetchedBatch, Kafka, PartitionOffset } from '../../../connectors/kafka/port.ts';
import { must } from '../../../infra/process/assert.ts';
import { orderFor } from '../../../infra/process/failure.ts';
import type { Log } from '../../../infra/process/log.ts';
import type { SchemaRegistry } from '../../../schemas/serde/schema-registry.ts';
import type { BodySerdes } from '../body-serdes.ts';
import type { BadRecordPolicies } from '../bad-record-policies.ts';
import { type GlobalTable, globalTables } from '../global-tables.ts';
import type { DropReason } from '../record.ts';
import { openStores } from '../state/open-stores.ts';
import type { StateStore } from '../state/store.ts';
import type { TableView } from '../state/table-state.ts';
import type { Topology } from '../topology.ts';
import { globalSources } from '../plan/sub-topology.ts';
import type { ApplicationNames } from './application-names.ts';
import { type InputTopic, type SourcedRecord, inputTopics } from './input-topics.ts';
import { ReadPosition } from './read-position.ts';
import { readToEnd } from './read-to-end.ts';
import { type TopicSetup, globalPartitions } from './topic-setup.ts';

interface GlobalParts {
  readonly topology: Topology;
  readonly names: ApplicationNames;
  readonly setup: TopicSetup;
  readonly registry: SchemaRegistry;
  readonly serdes: BodySerdes;
  readonly policies: BadRecordPolicies;
  readonly log: Log;
  readonly onDrop: (nodeId: string, reason: DropReason) => void;
}

/** The global tables of this process: loaded in full before anything runs, then kept up to date, committed nowhere. */
export class GlobalTables {
  readonly #tables: ReadonlyMap<string, GlobalTable>;
  readonly #inputs: readonly InputTopic[];
  readonly #stores: ReadonlyMap<string, StateStore>;
  readonly #parts: GlobalParts;
  readonly #partitions: readonly { readonly topic: string; readonly partition: number }[];
  #reads: readonly ReadPosition[] = [];
  #clearRound = -1;

  constructor(parts: GlobalParts) {
    const { topology, names, setup, registry, serdes, log, onDrop } = parts;
    this.#parts = parts;
    const { plan, functions } = topology;
    const sources = globalSources(plan);
    const storeNames = new Set(sources.flatMap((source) => source.stores));
    const listener = { onEmit: () => undefined, onDrop };
    this.#stores = openStores(plan.stores.filter((store) => storeNames.has(store.name)));
    this.#tables = globalTables(plan, {
      functions,
      listener,
      serdes,
      stores: plan.stores,
      state: this.#stores,
    });
    this.#inputs = inputTopics(topology, sources, names, registry, serdes, log);
    this.#partitions = globalPartitions(plan, names, setup);
  }

  get views(): ReadonlyMap<string, TableView> {
    return new Map([...this.#tables].map(([id, { view }]) => [id, view]));
  }

  /** By name. */
  get stores(): ReadonlyMap<string, StateStore> {
    return this.#stores;
  }

  /** Where the fetcher has to go on reading. */
  get positions(): readonly PartitionOffset[] {
    return this.#reads.map(({ partition, position }) => ({ ...partition, offset: position }));
  }

  get entries(): number {
    return [...this.#stores.values()].reduce((sum, store) => sum + store.entries, 0);
  }

  /** Returns false when the signal came first and the tables are of no use. */
  async load(kafka: Kafka, signal: AbortSignal): Promise<boolean> {
    const positions = await readToEnd({
      kafka,
      signal,
      partitions: this.#partitions,
      onBatch: (batch) => this.#apply(batch),
    });
    if (positions === null) return false;
    this.#reads = positions.map(
      ({ topic, partition, offset }) => new ReadPosition({ topic, partition }, offset),
    );
    return true;
  }

  /** Applies a batch of one of its topics; returns false when it is of another one. */
  async receive(batch: FetchedBatch): Promise<boolean> {
    const read = this.#reads.find(
      ({ partition }) => partition.topic === batch.topic && partition.partition === batch.partition,
    );
    if (read === undefined) return false;
    await this.#apply(batch);
    read.moveTo(batch.nextOffset);
    return true;
  }

  /** Whether all that was there when the poll of `round` returned has been applied. See {@link ReadPosition}. */
  areClearFor(round: number, unlisted: Set<ReadPosition>): boolean {
    if (this.#clearRound >= round) return true;
    let clear = true;
    for (const read of this.#reads) {
      if (read.isClearFor(round)) continue;
      clear = false;
      if (read.needsListing(round)) unlisted.add(read);
    }
    if (clear) this.#clearRound = round;
    return clear;
  }

  async #apply(batch: FetchedBatch): Promise<void> {
    const input = must(
      this.#inputs.find(({ topic }) => topic === batch.topic),
      `no global table reads ${batch.topic}`,
    );
    for (const raw of batch.records) await this.#applyRecord(input, raw);
    for (const store of this.#stores.values()) store.commit();
  }

  async #applyRecord(input: InputTopic, raw: ConsumerRecord): Promise<void> {
    for (const { sourceId, record } of await this.#admit(input, raw))
      must(this.#tables.get(sourceId), `no global table ${sourceId}`).graph.process(sourceId, record);
  }

  async #admit(input: InputTopic, raw: ConsumerRecord): Promise<readonly SourcedRecord[]> {
    const { onDrop, policies } = this.#parts;
    try {
      for (;;) {
        const admitted = input.admit(raw, onDrop);
        if (admitted !== null) return admitted;
        await input.decoder.load(raw);
      }
    } catch (error) {
      if (policies.deserialization === 'fail' || orderFor(error) !== 'stop') throw error;
      return this.#leaveOut(input, raw, error);
    }
  }

  /** Without a letter: every process reads the whole topic, at each start again, where the record still is. */
  #leaveOut(
    input: InputTopic,
    { topic, partition, offset }: ConsumerRecord,
    error: unknown,
  ): readonly SourcedRecord[] {
    for (const sourceId of input.sources) this.#parts.onDrop(sourceId, 'undecodable');
    this.#parts.log.warn(
      { err: error, topic, partition, offset },
      'a record that cannot be decoded is left out of a global table',
    );
    return [];
  }
}
