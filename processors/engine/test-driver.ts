import { must } from '../../infra/process/assert.ts';
import { Failure } from '../../infra/process/failure.ts';
import type { SchemaRegistry } from '../../schemas/serde/schema-registry.ts';
import type { Topic } from '../../schemas/topic.ts';
import { type BodySerdes, bodySerdes, changeSchema } from './body-serdes.ts';
import {
  type DriverDeadLetter,
  DriverDeadLetters,
  type DriverOrigin,
  type TestDriverOptions,
} from './driver-dead-letters.ts';
import { type Duration, durationMs } from './duration.ts';
import { globalTables } from './global-tables.ts';
import type { InspectedState } from './inspection/inspected-state.ts';
import { type WhyAnswer, why } from './inspection/why.ts';
import type { Call } from './operators/operator.ts';
import type { PlanNode, PlanRepartition, PlanStore, PlanTopic, SourceNode } from './plan/plan.ts';
import { type SubTopology, globalSources, subTopologies } from './plan/sub-topology.ts';
import { ProcessorGraph } from './processor-graph.ts';
import type { DropReason, StreamRecord } from './record.ts';
import { repartitionRecord, sourceRecord, tablesFirst } from './source-record.ts';
import { openStores } from './state/open-stores.ts';
import type { KeyValueStore, StateStore } from './state/store.ts';
import { type TableRow, decodeRow } from './state/table-state.ts';
import type { Topology } from './topology.ts';

/** A record of a result topic. `timestamp` is the event time that the operators gave it. */
export interface DriverRecord<K, V> {
  readonly key: K | null;
  readonly value: V | null;
  readonly timestamp: number;
}

/** A dropped record, by the node that dropped it. */
export interface DriverDrop {
  readonly node: string;
  readonly reason: DropReason;
}

/**
 * Runs a topology in this process with one partition and no broker: the same operators, stores and Avro round trip as
 * in production, one record at a time, on a clock of its own.
 */
export interface TestDriver {
  /**
   * Gives one record to a topic and lets it run through everything that it causes. `timestamp` is the Kafka
   * timestamp (default: the driver's clock), and the event time where the source takes it from nowhere else.
   */
  pipe<K, V>(
    topic: Topic<K, V>,
    key: K | null,
    value: V | null,
    options?: { readonly timestamp?: number },
  ): void;
  /**
   * Moves the driver's clock, which stamps the records that come without a timestamp. It starts at 0. Where event time is
   * the Kafka timestamp, stream time goes with it, as it does by the source's progress: windows close without a record.
   */
  advance(by: Duration): void;
  /** Takes what has come out on a topic since the last call. */
  read<K, V>(topic: Topic<K, V>): DriverRecord<K, V>[];
  /** The rows of a table or an aggregate by the name of its store (a table's is its topic's name), in order of key bytes. */
  rows(store: string): readonly { readonly key: unknown; readonly row: TableRow }[];
  /** Number of entries of any store, windows included. */
  entries(store: string): number;
  /**
   * What is pending for a key, and until which stream time: windows, join partners, changes held back. The key is JSON, or
   * plain text where it is a string. @throws Failure `query.bad_key` when it fits no operator that waits
   */
  why(key: string): WhyAnswer;
  /** The state as the HTTP queries see it: one task of each sub-topology, partition 0. */
  state(): InspectedState;
  /** Goes on as another process would after a crash: with what the changelogs hold, and nothing else. */
  restart(): void;
  /** Names of the topics that the topology reads. */
  inputs(): string[];
  /** Takes what has been dropped since the last call. */
  dropped(): DriverDrop[];
  /** Takes the dead letters that the driver's policies have made since the last call. */
  deadLetters(): DriverDeadLetter[];
}

export function testDriver(topology: Topology, options: TestDriverOptions = {}): TestDriver {
  return new Driver(topology, options);
}

/** Bodies need no registry: whoever asks for one here has framed a message. */
const noRegistry: SchemaRegistry = {
  register: () => Promise.reject(new TypeError('the test driver registers no schema')),
  schemaById: () => Promise.reject(new TypeError('the test driver looks up no schema')),
  latest: () => Promise.reject(new TypeError('the test driver looks up no schema')),
};

/** What has left a task, after its way through the topic's schema. */
interface Emitted {
  readonly node: PlanNode;
  readonly record: StreamRecord;
}

class Driver implements TestDriver {
  readonly #topology: Topology;
  readonly #serdes: BodySerdes = bodySerdes(noRegistry);
  /** What the changelogs hold after compaction, by store and by key as latin1. */
  readonly #changelogs = new Map<string, Map<string, Buffer>>();
  readonly #graphs = new Map<string, ProcessorGraph>();
  #state: ReadonlyMap<string, StateStore> = new Map();
  readonly #emitted: Emitted[] = [];
  readonly #results = new Map<string, DriverRecord<unknown, unknown>[]>();
  #drops: DriverDrop[] = [];
  readonly #letters: DriverDeadLetters;
  #now = 0;

  constructor(topology: Topology, options: TestDriverOptions) {
    this.#topology = topology;
    this.#letters = new DriverDeadLetters(options);
    this.#start();
  }

  restart(): void {
    this.#start();
  }

  #start(): void {
    const { plan, functions } = this.#topology;
    this.#state = openStores(plan.stores);
    for (const [name, changelog] of this.#changelogs)
      for (const [key, value] of changelog) this.#state.get(name)?.restore(Buffer.from(key, 'latin1'), value);
    const listener = {
      onEmit: (node: PlanNode, record: StreamRecord) => this.#emit(node, record),
      onDrop: (node: string, reason: DropReason) => void this.#drops.push({ node, reason }),
    };
    const shared = { functions, listener, state: this.#state, stores: plan.stores, serdes: this.#serdes };
    const globals = globalTables(plan, shared);
    for (const [id, { graph }] of globals) this.#graphs.set(id, graph);
    const views = new Map([...globals].map(([id, { view }]) => [id, view]));
    for (const part of subTopologies(plan))
      this.#open(part, new ProcessorGraph({ ...shared, nodes: part.nodes, globals: views }));
  }

  pipe<K, V>(topic: Topic<K, V>, key: K | null, value: V | null, options: { timestamp?: number } = {}): void {
    const sources = this.#topology.plan.nodes.filter(
      (node): node is SourceNode =>
        'topic' in node && node.operator !== 'sink' && node.topic.name === topic.name,
    );
    if (sources.length === 0)
      throw new Failure(
        'driver.unknown_topic',
        'stop',
        `topology ${this.#topology.name} does not read ${topic.name}`,
      );
    const timestamp = options.timestamp ?? this.#now;
    const origin = { topic: topic.name, key, value, timestamp };
    // Each sub-topology reads the topic on its own.
    for (const own of Map.groupBy(tablesFirst(sources), ({ id }) => this.#graph(id)).values())
      this.#attempt(origin, own, () => {
        for (const source of own) this.#admit(source, key, value, timestamp);
      });
    this.#settle();
  }

  advance(by: Duration): void {
    this.#now += durationMs(by);
    for (const graph of new Set(this.#graphs.values())) graph.advance(this.#now, this.#now);
    this.#settle();
  }

  read<K, V>(topic: Topic<K, V>): DriverRecord<K, V>[] {
    const records = this.#results.get(topic.name) ?? [];
    this.#results.delete(topic.name);
    return records as DriverRecord<K, V>[];
  }

  rows(name: string): readonly { readonly key: unknown; readonly row: TableRow }[] {
    const plan = this.#storePlan(name);
    const store = this.#state.get(name) as KeyValueStore;
    const rows = [...store.range(null, null)].map(({ key, value }) => ({
      key: this.#serdes(plan.key).decodeBody(key),
      row: decodeRow(value, this.#serdes(plan.value)),
    }));
    // A versioned table remembers its deleted rows for a while.
    return rows.filter(({ row }) => row.value !== null);
  }

  entries(name: string): number {
    this.#storePlan(name);
    return this.#state.get(name)?.entries ?? 0;
  }

  why(key: string): WhyAnswer {
    return why(this.state(), key);
  }

  state(): InspectedState {
    const { plan } = this.#topology;
    const parts = subTopologies(plan);
    const storesOf = (names: readonly string[]): ReadonlyMap<string, StateStore> =>
      new Map([...this.#state].filter(([name]) => names.includes(name)));
    return {
      plan,
      serdes: this.#serdes,
      parts,
      taskCounts: parts.map(() => 1),
      tasks: parts.map((part) => ({
        id: `${part.id}_0`,
        partition: 0,
        part,
        stores: storesOf(part.stores.map(({ name }) => name)),
        offsets: {},
      })),
      globals: storesOf(globalSources(plan).flatMap(({ stores }) => stores)),
    };
  }

  inputs(): string[] {
    const read = this.#topology.plan.nodes.flatMap((node) =>
      'topic' in node && node.operator !== 'sink' ? [node.topic.name] : [],
    );
    return [...new Set(read)];
  }

  dropped(): DriverDrop[] {
    const drops = this.#drops;
    this.#drops = [];
    return drops;
  }

  deadLetters(): DriverDeadLetter[] {
    return this.#letters.take();
  }

  #open(part: SubTopology, graph: ProcessorGraph): void {
    for (const node of part.nodes) this.#graphs.set(node.id, graph);
  }

  #admit(source: SourceNode, key: unknown, value: unknown, timestamp: number): void {
    const keyBody = key === null ? null : this.#serdes(source.topic.key).encodeBody(key);
    const valueSerde = this.#serdes(source.topic.value);
    const message = {
      key: keyBody === null ? null : this.#serdes(source.topic.key).decodeBody(keyBody),
      keyBody,
      value: value === null ? null : valueSerde.decodeBody(valueSerde.encodeBody(value)),
      timestamp,
    };
    const time = (this.#topology.functions.get(source.id)?.['time'] as Call | undefined) ?? null;
    const record = sourceRecord(source, time, message);
    if (typeof record === 'string') this.#drops.push({ node: source.id, reason: record });
    else this.#graph(source.id).process(source.id, record);
  }

  /** Carries records through the internal topics until nothing moves, then commits as the runtime would. */
  #settle(): void {
    for (let next = this.#emitted.shift(); next !== undefined; next = this.#emitted.shift()) {
      const { node, record } = next;
      if (node.operator === 'sink') this.#collect(node.topic, record);
      else if (node.operator === 'repartition-sink') this.#repartition(node.repartition, record);
    }
    this.#commitAll();
  }

  /** One record of one task: where the policy says so, nothing remains of one that fails. */
  #attempt(origin: DriverOrigin, nodes: readonly PlanNode[], run: () => void): void {
    const emitted = this.#emitted.length;
    const dropped = this.#drops.length;
    try {
      run();
    } catch (error) {
      if (!this.#letters.takesBack) throw error;
      this.#letters.failed(origin, error);
      for (const store of this.#state.values()) store.rollback();
      this.#emitted.length = emitted;
      this.#drops.length = dropped;
      for (const { id: node } of nodes) this.#drops.push({ node, reason: 'failed' });
      return;
    }
    this.#letters.passed(origin, this.#drops.slice(dropped));
    if (this.#letters.takesBack) this.#commitAll();
  }

  #commitAll(): void {
    for (const store of this.#state.values()) this.#commit(store);
  }

  /** As in production, what does not fit into its topic fails at the record that it comes from. */
  #emit(node: PlanNode, record: StreamRecord): DropReason | null {
    if (node.operator === 'sink') {
      // A compacted topic takes no record without a key.
      if (record.keyBody === null && node.topic.kind === 'table') return 'null_key';
      const { key, value } = node.topic;
      const own = { ...record, key: this.#round(key, record.key), value: this.#round(value, record.value) };
      this.#emitted.push({ node, record: own });
    } else if (node.operator === 'repartition-sink') {
      const topic = this.#repartitionPlan(node.repartition);
      this.#emitted.push({ node, record: { ...record, value: this.#throughTopic(topic, record) } });
    }
    return null;
  }

  #round(schema: PlanTopic['key'], value: unknown): unknown {
    const serde = this.#serdes(schema);
    return value === null ? null : serde.decodeBody(serde.encodeBody(value));
  }

  #commit(store: StateStore): void {
    const changelog = this.#changelogs.get(store.name) ?? new Map<string, Buffer>();
    for (const { key, value } of store.staged()) {
      const id = key.toString('latin1');
      if (value === null) changelog.delete(id);
      else changelog.set(id, value);
    }
    this.#changelogs.set(store.name, changelog);
    store.commit();
  }

  #collect(topic: PlanTopic, { key, value, time: timestamp }: StreamRecord): void {
    const records = this.#results.get(topic.name) ?? [];
    records.push({ key, value, timestamp });
    this.#results.set(topic.name, records);
  }

  #repartitionPlan(name: string): PlanRepartition {
    return must(
      this.#topology.plan.repartitions.find((candidate) => candidate.name === name),
      `no repartition ${name}`,
    );
  }

  #repartition(name: string, { key, keyBody, value, time, commitTime }: StreamRecord): void {
    const { form } = this.#repartitionPlan(name);
    const source = must(
      this.#topology.plan.nodes.find(
        (node) => node.operator === 'repartition-source' && node.repartition === name,
      ),
      `nobody reads repartition ${name}`,
    );
    const message = { key, keyBody, value, timestamp: commitTime };
    this.#attempt({ topic: name, key, value, timestamp: commitTime }, [source], () =>
      this.#graph(source.id).process(source.id, repartitionRecord(form, message, time)),
    );
  }

  #throughTopic(topic: PlanRepartition, record: StreamRecord): unknown {
    const change = topic.form === 'change';
    const serde = this.#serdes(change ? changeSchema(topic.value) : topic.value);
    return serde.decodeBody(serde.encodeBody(change ? [record.oldValue, record.value] : record.value));
  }

  #graph(nodeId: string): ProcessorGraph {
    return must(this.#graphs.get(nodeId), `no task runs ${nodeId}`);
  }

  #storePlan(name: string): PlanStore {
    const plan = this.#topology.plan.stores.find((store) => store.name === name);
    if (plan !== undefined) return plan;
    throw new Failure(
      'driver.unknown_store',
      'stop',
      `topology ${this.#topology.name} has no store "${name}"`,
      {
        fix: `its stores are: ${this.#topology.plan.stores.map((store) => store.name).join(', ')}`,
      },
    );
  }
}
