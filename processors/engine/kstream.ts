import type { Schema } from '../../schemas/schema.ts';
import type { Topic } from '../../schemas/topic.ts';
import type { GlobalKTable } from './global-ktable.ts';
import { type JoinWindow, windowBounds } from './join-window.ts';
import { KTable } from './ktable.ts';
import type { JoinKind } from './plan/plan.ts';
import { type Handle, type PlanBuilder, type UserFunction, planTopic } from './plan/plan-builder.ts';

/** Folds records into one value per key. A null result deletes the aggregate. */
export interface Aggregator<K, V, A> {
  readonly initial: () => A;
  readonly add: (aggregate: A, value: V, key: K) => A | null;
}

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
    const step = { name, operator: 'select-key', form: 'record', key: key.avro, partitions } as const;
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

  /** Each event with the newest row of its key. Changes of the table are silent. */
  joinTable<W, R>(name: string, table: KTable<K, W>, joiner: (value: V, row: W, key: K) => R): KStream<K, R> {
    return this.#joinTable('inner', name, table, joiner);
  }

  /** As {@link joinTable}; where there is no row, the event comes out with null. */
  leftJoinTable<W, R>(
    name: string,
    table: KTable<K, W>,
    joiner: (value: V, row: W | null, key: K | null) => R,
  ): KStream<K, R> {
    return this.#joinTable('left', name, table, joiner);
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

  /** Writes the events to a topic of the catalogue. Does not compile unless keys are equal and values fit. */
  to<TK, TV>(this: KStream<NoInfer<TK>, NoInfer<TV>>, topic: Topic<TK, TV>): void {
    const id = this.#plan.numbered('KSTREAM-SINK');
    this.#plan.add({ id, operator: 'sink', inputs: [this.#handle.id], stores: [], topic: planTopic(topic) });
  }

  #stateless<R>(
    operator: 'filter' | 'map-values',
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

  #joinTable<W, R>(
    join: 'inner' | 'left',
    name: string,
    table: KTable<K, W>,
    joiner: UserFunction,
  ): KStream<K, R> {
    const id = this.#plan.named(name);
    this.#plan.checkKeys(this.#handle, table.handle, id);
    this.#plan.add(
      { id, operator: 'stream-table-join', join, inputs: [this.#handle.id, table.handle.id], stores: [] },
      { joiner },
    );
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
