import type { Schema } from '../../schemas/schema.ts';
import type { Topic } from '../../schemas/topic.ts';
import { type Aggregator, COUNT, counting } from './aggregator.ts';
import type { GlobalKTable } from './global-ktable.ts';
import { type JoinWindow, windowBounds } from './join-window.ts';
import { KTable } from './ktable.ts';
import { type TableGrace, graceBuffer } from './table-grace.ts';
import type { VersionedKTable } from './versioned-ktable.ts';
import type { JoinKind } from './plan/plan.ts';
import { type Handle, type PlanBuilder, type UserFunction, planTopic } from './plan/plan-builder.ts';
import { type ProcessSpec, addProcess } from './process-step.ts';
import {
  type EmitOf,
  type Folded,
  SessionWindowedKStream,
  WINDOWS_BY_DEFAULT,
  type WindowByOptions,
  WindowedKStream,
} from './windowed-kstream.ts';
import type { FixedWindow, SessionWindow } from './windows.ts';

type JoinerMaybeGrace = readonly [joiner: UserFunction] | readonly [wait: TableGrace, joiner: UserFunction];

/** A stream of events with keys of type K and values of type V. An event without a value is no event. */
export class KStream<K, V> {
  /** For the compiler alone: key types must be equal, value types may be wider. */
  declare readonly types?: { readonly key: (key: K) => K; readonly value: V };
  readonly #plan: PlanBuilder;
  readonly #handle: Handle;

  constructor(plan: PlanBuilder, handle: Handle) {
    this.#plan = plan;
    this.#handle = handle;
  }

  /** Keeps the events that pass. */
  filter(predicate: (value: V, key: K) => boolean): KStream<K, V> {
    return this.#stateless('filter', 'KSTREAM-FILTER', { predicate }, this.#handle.value);
  }

  /** Another value under the same key. Say {@link as} when a later step has to store it. */
  mapValues<R>(mapper: (value: V, key: K) => R): KStream<K, R> {
    return this.#stateless('map-values', 'KSTREAM-MAPVALUES', { mapper }, null);
  }

  /** Any number of values in place of each, under the same key. Say {@link as} when a later step has to store them. */
  flatMapValues<R>(mapper: (value: V, key: K) => Iterable<R>): KStream<K, R> {
    return this.#stateless('flat-map-values', 'KSTREAM-FLATMAPVALUES', { mapper }, null);
  }

  /** The events of both streams. Their topics need equal numbers of partitions. */
  merge(other: KStream<K, V>): KStream<K, V> {
    const id = this.#plan.numbered('KSTREAM-MERGE');
    const [own, others] = [this.#handle, other.#handle];
    this.#plan.checkKeys(own, others, id);
    this.#plan.add({ id, operator: 'merge', inputs: [own.id, others.id], stores: [] });
    const isAlike = JSON.stringify(own.value) === JSON.stringify(others.value);
    return new KStream<K, V>(this.#plan, { ...own, id, value: isAlike ? own.value : null });
  }

  /**
   * A step of one's own, synchronous, with declared state: for what no other operator says. It is given the events of one
   * task in order, and decides about lateness itself.
   */
  process<S extends object, R>(name: string, spec: ProcessSpec<K, V, S, R>): KStream<K, R> {
    const functions = { each: spec.each, punctuate: spec.punctuate?.call };
    const handle = addProcess(this.#plan, this.#handle, name, spec, functions);
    return new KStream<K, R>(this.#plan, handle);
  }

  /** Says how the values look in bytes. Joins and repartitions of a computed stream need it. */
  as<W>(this: KStream<K, NoInfer<W>>, schema: Schema<W>): KStream<K, W> {
    return new KStream<K, W>(this.#plan, { ...this.#handle, value: schema.avro });
  }

  /**
   * Gives the events a new key and moves them, through an internal topic, to the partition of that key. An event
   * whose new key is null is dropped and counted.
   */
  repartition<NK>(
    name: string,
    key: Schema<NK>,
    selector: (value: V, key: K) => NoInfer<NK> | null,
    partitions: number | null = null,
  ): KStream<NK, V> {
    const step = {
      name,
      operator: 'select-key',
      form: 'record',
      key: key.avro,
      partitions,
      stores: [],
    } as const;
    return new KStream<NK, V>(this.#plan, this.#plan.repartition(this.#handle, step, selector));
  }

  /** Every pair of events with equal keys whose times lie in the window. */
  join<W, R>(
    name: string,
    other: KStream<K, W>,
    window: JoinWindow,
    joiner: (left: V, right: W, key: K) => R,
  ): KStream<K, R> {
    return this.#joinStream('inner', name, other, window, joiner);
  }

  /** As {@link join}; a left event that met nobody comes out once, with null, when its window has closed. */
  leftJoin<W, R>(
    name: string,
    other: KStream<K, W>,
    window: JoinWindow,
    joiner: (left: V, right: W | null, key: K | null) => R,
  ): KStream<K, R> {
    return this.#joinStream('left', name, other, window, joiner);
  }

  /** As {@link leftJoin}, for the events of both sides. */
  outerJoin<W, R>(
    name: string,
    other: KStream<K, W>,
    window: JoinWindow,
    joiner: (left: V | null, right: W | null, key: K | null) => R,
  ): KStream<K, R> {
    return this.#joinStream('outer', name, other, window, joiner);
  }

  /**
   * Each event with the newest row of its key; with the row that was valid at its event time where the table is
   * versioned. Changes of the table are silent.
   */
  joinTable<W, R>(name: string, table: KTable<K, W>, joiner: (value: V, row: W, key: K) => R): KStream<K, R>;
  /**
   * The same, but events wait for rows that come late.
   * @throws Failure `topology.bad_grace`, `topology.no_schema` (stop)
   */
  joinTable<W, R>(
    name: string,
    table: VersionedKTable<K, W>,
    wait: TableGrace,
    joiner: (value: V, row: W, key: K) => R,
  ): KStream<K, R>;
  joinTable<R>(name: string, table: Pick<KTable<K, unknown>, 'handle'>, ...rest: JoinerMaybeGrace) {
    return this.#joinTable<R>('inner', name, table.handle, ...rest);
  }

  /** As {@link joinTable}; where there is no row, the event comes out with null. */
  leftJoinTable<W, R>(
    name: string,
    table: KTable<K, W>,
    joiner: (value: V, row: W | null, key: K | null) => R,
  ): KStream<K, R>;
  leftJoinTable<W, R>(
    name: string,
    table: VersionedKTable<K, W>,
    wait: TableGrace,
    joiner: (value: V, row: W | null, key: K | null) => R,
  ): KStream<K, R>;
  leftJoinTable<R>(name: string, table: Pick<KTable<K, unknown>, 'handle'>, ...rest: JoinerMaybeGrace) {
    return this.#joinTable<R>('left', name, table.handle, ...rest);
  }

  /** Each event with the row whose key it names. Every instance holds the whole table, so no partitions must match. */
  joinGlobal<GK, W, R>(
    name: string,
    table: GlobalKTable<GK, W>,
    on: { readonly key: (value: V, key: K) => NoInfer<GK> | null },
    joiner: (value: V, row: W, key: K | null) => R,
  ): KStream<K, R> {
    return this.#joinGlobal('inner', name, table.handle, on.key, joiner);
  }

  /** As {@link joinGlobal}; where there is no row, the event comes out with null. */
  leftJoinGlobal<GK, W, R>(
    name: string,
    table: GlobalKTable<GK, W>,
    on: { readonly key: (value: V, key: K) => NoInfer<GK> | null },
    joiner: (value: V, row: W | null, key: K | null) => R,
  ): KStream<K, R> {
    return this.#joinGlobal('left', name, table.handle, on.key, joiner);
  }

  /** One value per key, folded from all its events. Partitions stay: to group by something else, {@link repartition} first. */
  aggregate<A>(name: string, schema: Schema<A>, aggregator: Aggregator<K, V, NoInfer<A>>): KTable<K, A> {
    const id = this.#plan.named(name);
    const { key } = this.#handle;
    this.#plan.addStore({ name: id, kind: 'key-value', key, value: schema.avro, changelog: true });
    const { initial, add } = aggregator;
    this.#plan.add(
      { id, operator: 'stream-aggregate', inputs: [this.#handle.id], stores: [id] },
      { initial, add },
    );
    return new KTable<K, A>(this.#plan, { id, key, value: schema.avro });
  }

  /** One value per key, made of its events two at a time; the first stands for itself. */
  reduce(name: string, reducer: (before: V, value: V, key: K) => V | null): KTable<K, V> {
    const schema: Schema<V> = { avro: this.#plan.schemaOf(this.#handle, name) };
    const add = (before: V | null, value: V, key: K): V | null =>
      before === null ? value : reducer(before, value, key);
    return this.aggregate<V | null>(name, schema, { initial: () => null, add }) as KTable<K, V>;
  }

  /** The number of events of each key. */
  count(name: string): KTable<K, bigint> {
    return this.aggregate(name, COUNT, counting);
  }

  /**
   * Folds what follows window by window. A window closes when its end is `grace` behind the highest time seen, and is
   * told then, once, under a key that has its bounds; with `emit: 'on-update'` it is told with every event, as a table.
   * An event for a window that has closed is late: left out of it, counted, shown to `onLate`.
   */
  windowedBy<const O extends WindowByOptions>(
    window: FixedWindow,
    options: O,
  ): WindowedKStream<K, Folded<V, O>, EmitOf<O>> {
    const request = { window, ...WINDOWS_BY_DEFAULT, ...options };
    return new WindowedKStream(this.#plan, this.#handle, request, streamOf);
  }

  /** As {@link windowedBy}, in sessions. An event that lies between sessions makes them one, by `merge`. */
  sessions<const O extends WindowByOptions>(
    window: SessionWindow,
    options: O,
  ): SessionWindowedKStream<K, Folded<V, O>, EmitOf<O>> {
    const request = { window, ...WINDOWS_BY_DEFAULT, ...options };
    return new SessionWindowedKStream(this.#plan, this.#handle, request, streamOf);
  }

  /** Writes the events to a topic of the catalogue. Does not compile unless keys are equal and values fit. */
  to<TK, TV>(this: KStream<NoInfer<TK>, NoInfer<TV>>, topic: Topic<TK, TV>): void {
    const id = this.#plan.numbered('KSTREAM-SINK');
    this.#plan.add({ id, operator: 'sink', inputs: [this.#handle.id], stores: [], topic: planTopic(topic) });
  }

  #stateless<R>(
    operator: 'filter' | 'map-values' | 'flat-map-values',
    prefix: string,
    functions: Readonly<Record<string, UserFunction>>,
    value: Handle['value'],
  ): KStream<K, R> {
    const id = this.#plan.numbered(prefix);
    this.#plan.add({ id, operator, inputs: [this.#handle.id], stores: [] }, functions);
    return new KStream<K, R>(this.#plan, { id, key: this.#handle.key, value });
  }

  #joinStream<W, R>(
    join: JoinKind,
    name: string,
    other: KStream<K, W>,
    window: JoinWindow,
    joiner: UserFunction,
  ): KStream<K, R> {
    const id = this.#plan.named(name);
    this.#plan.checkKeys(this.#handle, other.#handle, id);
    const { key } = this.#handle;
    const stores = [`${id}-left`, `${id}-right`];
    const values = [this.#plan.schemaOf(this.#handle, id), this.#plan.schemaOf(other.#handle, id)] as const;
    this.#plan.addStore({ name: `${id}-left`, kind: 'window', key, value: values[0], changelog: true });
    this.#plan.addStore({ name: `${id}-right`, kind: 'window', key, value: values[1], changelog: true });
    if (join !== 'inner') {
      stores.push(`${id}-pending`);
      this.#plan.addStore({ name: `${id}-pending`, kind: 'window', key, value: 'bytes', changelog: true });
    }
    this.#plan.add(
      {
        id,
        operator: 'stream-stream-join',
        join,
        inputs: [this.#handle.id, other.#handle.id],
        stores,
        ...windowBounds(id, window),
      },
      { joiner, onLate: window.onLate },
    );
    return new KStream<K, R>(this.#plan, { id, key, value: null });
  }

  #joinTable<R>(
    join: 'inner' | 'left',
    name: string,
    table: Handle,
    ...rest: JoinerMaybeGrace
  ): KStream<K, R> {
    const [joiner, wait] = rest.length === 1 ? [rest[0], null] : [rest[1], rest[0]];
    const id = this.#plan.named(name);
    this.#plan.checkKeys(this.#handle, table, id);
    const inputs = [this.#handle.id, table.id];
    const buffer = wait === null ? { stores: [] } : graceBuffer(this.#plan, id, this.#handle, table, wait);
    this.#plan.add({ id, operator: 'stream-table-join', join, inputs, ...buffer }, { joiner });
    return new KStream<K, R>(this.#plan, { id, key: this.#handle.key, value: null });
  }

  #joinGlobal<R>(
    join: 'inner' | 'left',
    name: string,
    table: Handle,
    selector: UserFunction,
    joiner: UserFunction,
  ): KStream<K, R> {
    const id = this.#plan.named(name);
    this.#plan.add(
      {
        id,
        operator: 'stream-global-join',
        join,
        inputs: [this.#handle.id],
        stores: [],
        global: table.id,
        key: table.key,
      },
      { selector, joiner },
    );
    return new KStream<K, R>(this.#plan, { id, key: this.#handle.key, value: null });
  }
}

function streamOf<K, V>(plan: PlanBuilder, handle: Handle): KStream<K, V> {
  return new KStream<K, V>(plan, handle);
}
