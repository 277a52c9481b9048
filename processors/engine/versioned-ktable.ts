import { Failure } from '../../infra/process/failure.ts';
import type { Schema } from '../../schemas/schema.ts';
import { nullableSchema } from './body-serdes.ts';
import { type Duration, durationMs } from './duration.ts';
import { KTable } from './ktable.ts';
import type { Handle, PlanBuilder } from './plan/plan-builder.ts';
import type { PlanTopic } from './plan/plan.ts';
import { type TableLoading, sameTable } from './table-loading.ts';

/** How much of its past a table keeps. */
export interface TableHistory extends TableLoading {
  /**
   * What was valid at a time is known for times down to the table's highest one less this; before it, only of rows
   * that have not changed since. A change from before it is dropped and counted as `expired`. There is no default.
   */
  readonly history: Duration;
}

/**
 * A table whose rows have a history (KIP-889): changes are put in order of their times, whenever they come. Filtered or
 * mapped it stays one; joined with another table or aggregated it shows its newest rows only (KIP-914).
 */
export class VersionedKTable<K, V> extends KTable<K, V> {
  readonly #plan: PlanBuilder;

  constructor(plan: PlanBuilder, handle: Handle) {
    super(plan, handle);
    this.#plan = plan;
  }

  /** Keeps the rows that pass, at each time those that passed then. */
  override filter(predicate: (value: V, key: K) => boolean): VersionedKTable<K, V> {
    return new VersionedKTable<K, V>(this.#plan, super.filter(predicate).handle);
  }

  override mapValues<R>(mapper: (value: V, key: K) => R): VersionedKTable<K, R> {
    return new VersionedKTable<K, R>(this.#plan, super.mapValues(mapper).handle);
  }

  override as<W>(this: VersionedKTable<K, NoInfer<W>>, schema: Schema<W>): VersionedKTable<K, W> {
    return new VersionedKTable<K, W>(this.#plan, { ...this.handle, value: schema.avro });
  }
}

/**
 * The source of a versioned table. Its newest rows are in the store that a plain table has, deleted ones too until
 * they leave the history; what they were before is in a window store beside it.
 * @throws Failure `topology.bad_history`, `topology.two_histories`, `topology.two_loadings` (stop)
 */
export function versionedSource(plan: PlanBuilder, topic: PlanTopic, options: TableHistory): Handle {
  const historyMs = durationMs(options.history);
  const { loadFirst } = options;
  const { name, key } = topic;
  if (historyMs < 0)
    throw new Failure('topology.bad_history', 'stop', `table ${name} has a history of ${historyMs} ms`, {
      fix: 'a history must not be negative',
    });
  const handle = plan.source('table-source', topic, undefined, () => {
    const value = nullableSchema(topic.value);
    const stores = [
      plan.addStore({ name, kind: 'key-value', key, value, changelog: true }),
      plan.addStore({ name: `${name}-history`, kind: 'window', key, value, changelog: true }),
    ];
    const id = plan.numbered('KTABLE-SOURCE');
    const first = loadFirst === true ? { loadFirst } : {};
    plan.add({ id, operator: 'table-source', inputs: [], stores, topic, historyMs, ...first });
    return { id, key, value: topic.value, historyMs, ...first };
  });
  return sameTable(handle, topic, { historyMs, loadFirst });
}
