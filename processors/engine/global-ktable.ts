import type { Handle } from './plan/plan-builder.ts';

/** A table that every instance holds in full, loaded before anything is processed. Only good for being joined. */
export interface GlobalKTable<K, V> {
  /** For the compiler alone. */
  readonly types?: { readonly key: (key: K) => K; readonly value: V };
  readonly handle: Handle;
}
