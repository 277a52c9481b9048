import type { Schema } from '../../schemas/schema.ts';
import { type Duration, durationMs } from './duration.ts';
import type { Handle, NodeFunctions, PlanBuilder } from './plan/plan-builder.ts';
import { Failure } from '../../infra/process/failure.ts';

/** A store that a {@link ProcessSpec} declares: the newest value of each key, kept over restarts by a changelog. */
export interface StoreSpec<K, V> {
  readonly key: Schema<K>;
  readonly value: Schema<V>;
}

/** What a step's function sees of a store it declared. */
export interface ProcessStore<K, V> {
  get(key: K): V | null;
  put(key: K, value: V): void;
  delete(key: K): void;
  /** Rows in order of their keys' bytes. The store must not be written meanwhile. */
  entries(): Iterable<{ readonly key: K; readonly value: V }>;
}

type StoreSpecs = Readonly<Record<string, StoreSpec<never, never>>>;
type StoresOf<S> = {
  readonly [N in keyof S]: S[N] extends StoreSpec<infer K, infer V> ? ProcessStore<K, V> : never;
};

/** What a step's functions may do. Everything is synchronous, and its state is as exact as that of any operator. */
export interface ProcessContext<S, K, R> {
  readonly stores: StoresOf<S>;
  /** Highest event time that the step has seen in this task, milliseconds; -Infinity before the first. */
  readonly streamTime: number;
  /**
   * Tells an event, at the time of the record that is being processed or of the punctuation. The key decides nothing about
   * the partition here: the task's own keys stay where they are; give another one with `repartition` behind this step.
   */
  readonly forward: (key: K, value: R) => void;
}

/** A step of one's own: its state, what it does with each event, and what it does as time goes on. */
export interface ProcessSpec<K, V, S extends object, R> {
  /** Named stores; a name becomes `<step>-<name>` in the changelog's topic. */
  readonly stores: S;
  /** Of the events that it tells. */
  readonly output: Schema<R>;
  readonly each: (value: V, key: K, context: ProcessContext<S, K, R> & { readonly time: number }) => void;
  /**
   * Called when stream time passes a multiple of `every`, once however many it passes, with the last of them. Time goes on
   * with events alone: without any there is no punctuation.
   */
  readonly punctuate?: {
    readonly every: Duration;
    readonly call: (context: ProcessContext<S, K, R> & { readonly time: number }) => void;
  };
}

interface ProcessRequest {
  readonly stores: object;
  readonly output: Schema<unknown>;
  readonly punctuate?: { readonly every: Duration };
}

/** Adds a step of the user's own to the plan. */
export function addProcess(
  plan: PlanBuilder,
  input: Handle,
  name: string,
  { stores, output, punctuate }: ProcessRequest,
  functions: NodeFunctions,
): Handle {
  const id = plan.named(name);
  const everyMs = punctuate === undefined ? null : durationMs(punctuate.every);
  if (everyMs !== null && everyMs < 1)
    throw new Failure('topology.bad_duration', 'stop', `step "${id}" cannot punctuate every ${everyMs} ms`, {
      fix: 'at least every millisecond',
    });
  const declared = Object.entries(stores as StoreSpecs).map(([own, spec]) => {
    const { key, value } = spec as StoreSpec<unknown, unknown>;
    const store = plan.addStore({
      name: `${id}-${own}`,
      kind: 'key-value',
      key: key.avro,
      value: value.avro,
      changelog: true,
      scanned: true,
    });
    return { own, store };
  });
  const clock = plan.addStore({
    name: `${id}-time`,
    kind: 'window',
    key: input.key,
    value: 'bytes',
    changelog: true,
  });
  plan.add(
    {
      id,
      operator: 'process',
      inputs: [input.id],
      stores: [clock, ...declared.map(({ store }) => store)],
      names: declared.map(({ own }) => own),
      everyMs,
      key: input.key,
    },
    functions,
  );
  return { id, key: input.key, value: output.avro };
}
