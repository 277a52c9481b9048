import type { Schema } from '../../schemas/schema.ts';
import type { Topic } from '../../schemas/topic.ts';
import type { Duration } from './duration.ts';
import { type ForeignKeyExtractor, foreignKeyJoin } from './foreign-key-join.ts';
import type { JoinKind } from './plan/plan.ts';
import { type Handle, type PlanBuilder, type UserFunction, planTopic } from './plan/plan-builder.ts';
import { addSuppress } from './suppress-step.ts';

/**
 * Folds the rows of a group. A changed row is taken out with its old value and put in with its new one, so
 * `subtract` must undo `add`. A null result deletes the group.
 */
export interface TableAggregator<K, V, A> {
  readonly initial: () => A;
  readonly add: (aggregate: A, value: V, key: K) => A | null;
  readonly subtract: (aggregate: A, value: V, key: K) => A | null;
}

/** The newest value of each key. A change goes on as (old value, new value); null is a deleted row. */
export class KTable<K, V> {
  /** For the compiler alone: key types must be equal, value types may be wider. */
  declare readonly types?: { readonly key: (key: K) => K; readonly value: V };
  /** For the builder. */
  readonly handle: Handle;
  readonly #plan: PlanBuilder;

  constructor(plan: PlanBuilder, handle: Handle) {
    this.#plan = plan;
    this.handle = handle;
  }

  /** Keeps the rows that pass; a row that stops passing is deleted. */
  filter(predicate: (value: V, key: K) => boolean): KTable<K, V> {
    const id = this.#plan.numbered('KTABLE-FILTER');
    this.#plan.add({ id, operator: 'table-filter', inputs: [this.handle.id], stores: [] }, { predicate });
    return new KTable<K, V>(this.#plan, { ...this.handle, id });
  }

  /** Another value under the same key. Say {@link as} when the result is grouped. */
  mapValues<R>(mapper: (value: V, key: K) => R): KTable<K, R> {
    const id = this.#plan.numbered('KTABLE-MAPVALUES');
    this.#plan.add({ id, operator: 'table-map-values', inputs: [this.handle.id], stores: [] }, { mapper });
    return new KTable<K, R>(this.#plan, { ...this.handle, id, value: null });
  }

  /** Says how the values look in bytes. Grouping a computed table needs it. */
  as<W>(this: KTable<K, NoInfer<W>>, schema: Schema<W>): KTable<K, W> {
    return new KTable<K, W>(this.#plan, { ...this.handle, value: schema.avro });
  }

  /** A row per key that both tables have. */
  join<W, R>(name: string, other: KTable<K, W>, joiner: (left: V, right: W, key: K) => R): KTable<K, R> {
    return this.#join('inner', name, other, joiner);
  }

  /** A row per key that this table has. */
  leftJoin<W, R>(
    name: string,
    other: KTable<K, W>,
    joiner: (left: V, right: W | null, key: K) => R,
  ): KTable<K, R> {
    return this.#join('left', name, other, joiner);
  }

  /** A row per key that either table has. */
  outerJoin<W, R>(
    name: string,
    other: KTable<K, W>,
    joiner: (left: V | null, right: W | null, key: K) => R,
  ): KTable<K, R> {
    return this.#join('outer', name, other, joiner);
  }

  /**
   * A row per row of this table whose foreign key is in the other one. A changed row of the other table comes out with
   * each row that names it. The two tables may differ in their partitions: they tell each other what they need through
   * two internal topics, so a result follows its cause a little later, and on its own. A row that loses its partner
   * or is deleted is a tombstone, also where nothing was out before.
   * @throws Failure `topology.no_schema` (stop) for a computed table without {@link as}; `topology.unlike_keys` (stop) for
   * a windowed one
   */
  joinForeignKey<FK, W, R>(
    name: string,
    other: KTable<FK, W>,
    on: { readonly key: ForeignKeyExtractor<K, V, NoInfer<FK>> },
    joiner: (left: V, right: W, key: K) => R,
  ): KTable<K, R> {
    return this.#joinForeignKey('inner', name, other.handle, on.key, joiner);
  }

  /** As {@link joinForeignKey}; a row whose foreign key is null, or not in the other table, comes out with null. */
  leftJoinForeignKey<FK, W, R>(
    name: string,
    other: KTable<FK, W>,
    on: { readonly key: ForeignKeyExtractor<K, V, NoInfer<FK>> },
    joiner: (left: V, right: W | null, key: K) => R,
  ): KTable<K, R> {
    return this.#joinForeignKey('left', name, other.handle, on.key, joiner);
  }

  /**
   * Groups the rows by another key, through an internal topic that moves each change to the partition of its group.
   * A row whose group is null belongs to none.
   */
  groupBy<GK>(
    name: string,
    key: Schema<GK>,
    selector: (value: V, key: K) => NoInfer<GK> | null,
  ): GroupedKTable<GK, V> {
    const step = {
      name,
      operator: 'table-group-by',
      form: 'change',
      key: key.avro,
      partitions: null,
      stores: this.#plan.joinsWithItself(this.handle.id) ? [this.#rowsOf(name)] : [],
    } as const;
    return new GroupedKTable<GK, V>(this.#plan, this.#plan.repartition(this.handle, step, selector));
  }

  /**
   * Tells the changes of a key together, a while after the first of them: the last one counts (KIP-328). With more than
   * `recordsMax` keys held back, the oldest are told early; without it the keys that change within the time are all held.
   */
  suppress(
    name: string,
    until: { readonly timeLimit: Duration; readonly recordsMax?: number },
  ): KTable<K, V> {
    return new KTable<K, V>(this.#plan, addSuppress(this.#plan, this.handle, name, until));
  }

  /** Writes each change to a topic of the catalogue; a deleted row is a tombstone. */
  to<TK, TV>(this: KTable<NoInfer<TK>, NoInfer<TV>>, topic: Topic<TK, TV>): void {
    const id = this.#plan.numbered('KTABLE-SINK');
    this.#plan.add({ id, operator: 'sink', inputs: [this.handle.id], stores: [], topic: planTopic(topic) });
  }

  /** What each row was when it was grouped. */
  #rowsOf(name: string): string {
    const value = this.#plan.schemaOf(this.handle, name);
    const { key } = this.handle;
    return this.#plan.addStore({ name: `${name}-rows`, kind: 'key-value', key, value, changelog: true });
  }

  #joinForeignKey<R>(
    join: 'inner' | 'left',
    name: string,
    other: Handle,
    foreignKeyExtractor: UserFunction,
    joiner: UserFunction,
  ): KTable<K, R> {
    const tables = { left: this.handle, right: other };
    return new KTable<K, R>(
      this.#plan,
      foreignKeyJoin(this.#plan, { name, join, ...tables }, { foreignKeyExtractor, joiner }),
    );
  }

  #join<W, R>(join: JoinKind, name: string, other: KTable<K, W>, joiner: UserFunction): KTable<K, R> {
    const id = this.#plan.named(name);
    this.#plan.checkKeys(this.handle, other.handle, id);
    this.#plan.add(
      {
        id,
        operator: 'table-table-join',
        join,
        isShared: this.#plan.shareSource(this.handle.id, other.handle.id),
        inputs: [this.handle.id, other.handle.id],
        stores: [],
      },
      { joiner },
    );
    return new KTable<K, R>(this.#plan, { id, key: this.handle.key, value: null });
  }
}

/** The values of windows that may still change, by key and window. A window that has closed is forgotten. */
export class WindowedKTable<K, V> extends KTable<K, V> {
  readonly #plan: PlanBuilder;

  constructor(plan: PlanBuilder, handle: Handle) {
    super(plan, handle);
    this.#plan = plan;
  }

  /** Tells each window once, when no event can come into it any more. */
  suppressUntilWindowCloses(name: string): KTable<K, V> {
    return new KTable<K, V>(this.#plan, addSuppress(this.#plan, this.handle, name, 'window-close'));
  }
}

/** The rows of a table under the key of their group, ready to be folded. */
export class GroupedKTable<K, V> {
  /** For the compiler alone. */
  declare readonly types?: { readonly key: (key: K) => K; readonly value: V };
  readonly #plan: PlanBuilder;
  readonly #handle: Handle;

  constructor(plan: PlanBuilder, handle: Handle) {
    this.#plan = plan;
    this.#handle = handle;
  }

  /** One row per group. */
  aggregate<A>(name: string, schema: Schema<A>, aggregator: TableAggregator<K, V, NoInfer<A>>): KTable<K, A> {
    const id = this.#plan.named(name);
    const { key } = this.#handle;
    this.#plan.addStore({ name: id, kind: 'key-value', key, value: schema.avro, changelog: true });
    const { initial, add, subtract } = aggregator;
    this.#plan.add(
      { id, operator: 'table-aggregate', inputs: [this.#handle.id], stores: [id] },
      { initial, add, subtract },
    );
    return new KTable<K, A>(this.#plan, { id, key, value: schema.avro });
  }
}
