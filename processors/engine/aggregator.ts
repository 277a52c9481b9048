import type { Schema } from '../../schemas/schema.ts';

/** Folds records into one value per key. A null result deletes the aggregate. */
export interface Aggregator<K, V, A> {
  readonly initial: () => A;
  readonly add: (aggregate: A, value: V, key: K) => A | null;
}

/** As {@link Aggregator}; `merge` makes one value of those of two sessions, the older one first. */
export interface SessionAggregator<K, V, A> extends Aggregator<K, V, A> {
  readonly merge: (older: A, newer: A, key: K) => A | null;
}

/** The schema of a number of events. */
export const COUNT: Schema<bigint> = { avro: 'long' };
export const counting = { initial: () => 0n, add: (count: bigint) => count + 1n } as const;
export const countingSessions = {
  ...counting,
  merge: (older: bigint, newer: bigint) => older + newer,
} as const;
