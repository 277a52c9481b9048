import type { Schema } from '../../schemas/schema.ts';
import type { Topic } from '../../schemas/topic.ts';
import type { GlobalKTable } from './global-ktable.ts';
import { KStream } from './kstream.ts';
import { KTable } from './ktable.ts';
import { type TableLoading, sameTable } from './table-loading.ts';
import { type TableHistory, VersionedKTable, versionedSource } from './versioned-ktable.ts';
import { type NodeFunctions, PlanBuilder, planTopic } from './plan/plan-builder.ts';
import type { Plan, PlanTopic } from './plan/plan.ts';

/** A pipeline: its plan as plain data, and the user's functions beside it by node id. */
export interface Topology {
  readonly name: string;
  readonly plan: Plan;
  readonly functions: ReadonlyMap<string, NodeFunctions>;
}

/** Event time in milliseconds since the Unix epoch; null where the event has none, and then it is dropped and counted. */
export type TimeExtractor<K, V> = (value: V, key: K) => number | null;

/** Where a topology begins. */
export interface TopologyBuilder {
  /**
   * Reads a topic as events. Of a change topic these are the inserts and updates: a tombstone is no event.
   * Event time is the Kafka timestamp (the source's commit time) unless `time` takes it from the value.
   */
  stream<K, V>(topic: Topic<K, V>, options?: { readonly time?: TimeExtractor<K, V> }): KStream<K, V>;
  /**
   * Reads a topic as the values that each key has had, by their Kafka timestamps (the source's commit times). Streams
   * that join it see the row that was valid at their event time.
   * @throws Failure `topology.bad_history`, `topology.two_histories`, `topology.two_loadings` (stop)
   */
  table<K, V>(topic: Topic<K, V>, options: TableHistory): VersionedKTable<K, V>;
  /**
   * Reads a topic as the newest value of each key.
   * @throws Failure `topology.two_histories`, `topology.two_loadings` (stop)
   */
  table<K, V>(topic: Topic<K, V>, options?: TableLoading): KTable<K, V>;
  /** Reads a whole topic into every instance, to be joined by any key that an event names. */
  globalTable<K, V>(topic: Topic<K, V>): GlobalKTable<K, V>;
}

/**
 * Describes a pipeline. `name` becomes the application id `<prefix>-<name>` and with it the consumer group and the
 * names of all internal topics. `define` only builds: it runs once, here.
 * @throws Failure `topology.*` (stop) for what the types cannot rule out
 */
export function topology(name: string, define: (builder: TopologyBuilder) => void): Topology {
  const plan = new PlanBuilder(name);
  define(builderOver(plan));
  return { name, ...plan.build() };
}

/** The key type of a catalogue topic, to group or repartition by. */
export function keyOf<K, V>(topic: Topic<K, V>): Schema<K> {
  return { avro: topic.key };
}

/** The value type of a catalogue topic. */
export function valueOf<K, V>(topic: Topic<K, V>): Schema<V> {
  return { avro: topic.value };
}

function builderOver(plan: PlanBuilder): TopologyBuilder {
  return {
    stream<K, V>(topic: Topic<K, V>, options: { readonly time?: TimeExtractor<K, V> } = {}): KStream<K, V> {
      const { time } = options;
      const source = planTopic(topic);
      const handle = plan.source('stream', source, time, () => {
        const id = plan.numbered('KSTREAM-SOURCE');
        plan.add({ id, operator: 'stream-source', inputs: [], stores: [], topic: source }, { time });
        return { id, key: source.key, value: source.value };
      });
      return new KStream<K, V>(plan, handle);
    },
    table: tableOf(plan),
    globalTable<K, V>(topic: Topic<K, V>): GlobalKTable<K, V> {
      return { handle: materialised(plan, planTopic(topic), 'global-source') };
    },
  };
}

function tableOf(plan: PlanBuilder): TopologyBuilder['table'] {
  function table<K, V>(topic: Topic<K, V>, options: TableHistory): VersionedKTable<K, V>;
  function table<K, V>(topic: Topic<K, V>, options?: TableLoading): KTable<K, V>;
  function table<K, V>(topic: Topic<K, V>, options: TableHistory | TableLoading = {}): KTable<K, V> {
    const source = planTopic(topic);
    if ('history' in options) return new VersionedKTable<K, V>(plan, versionedSource(plan, source, options));
    const { loadFirst } = options;
    const handle = materialised(plan, source, 'table-source', loadFirst === true ? { loadFirst } : {});
    return new KTable<K, V>(plan, sameTable(handle, source, { loadFirst }));
  }
  return table;
}

function materialised(
  plan: PlanBuilder,
  topic: PlanTopic,
  operator: 'table-source' | 'global-source',
  loading: TableLoading = {},
) {
  return plan.source(operator, topic, undefined, () => {
    const { name, key, value } = topic;
    const global = operator === 'global-source';
    const store = plan.addStore({
      name: global ? `${name}-global` : name,
      kind: 'key-value',
      key,
      value,
      changelog: !global,
    });
    const id = plan.numbered(global ? 'GLOBAL-SOURCE' : 'KTABLE-SOURCE');
    plan.add({ id, operator, inputs: [], stores: [store], topic, ...loading });
    return { id, key, value, ...loading };
  });
}
