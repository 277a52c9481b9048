import type { Schema } from '../../schemas/schema.ts';
import { type Aggregator, COUNT, type SessionAggregator, counting, countingSessions } from './aggregator.ts';
import type { KStream } from './kstream.ts';
import { WindowedKTable } from './ktable.ts';
import type { NullValues } from './plan/plan.ts';
import type { Handle, PlanBuilder } from './plan/plan-builder.ts';
import { type WindowEmit, type WindowRequest, addWindowAggregate } from './window-step.ts';
import type { Windowed } from './windowed-key.ts';
import type { WindowOptions } from './windows.ts';

/** How windows are told. */
export interface WindowByOptions extends WindowOptions {
  /** Default `on-close`. */
  readonly emit?: WindowEmit;
  /** `process` lets events without a value take part; by default they are dropped and counted. */
  readonly nullValues?: NullValues;
}

export type Folded<V, O> = O extends { readonly nullValues: 'process' } ? V | null : V;
export type EmitOf<O> = O extends { readonly emit: 'on-update' } ? 'on-update' : 'on-close';
/** Results that never change are events; those that do are rows. */
type Results<E, K, A> = E extends 'on-update' ? WindowedKTable<Windowed<K>, A> : KStream<Windowed<K>, A>;

export const WINDOWS_BY_DEFAULT = { emit: 'on-close', nullValues: 'drop' } as const;

/** Makes a stream of results that never change. */
type StreamOf = <K, V>(plan: PlanBuilder, handle: Handle) => KStream<K, V>;

/** The events of each key, window by window, ready to be folded. */
export class WindowedKStream<K, V, E extends WindowEmit> {
  /** For the compiler alone. */
  declare readonly types?: { readonly key: (key: K) => K; readonly value: V; readonly emit: E };
  readonly #plan: PlanBuilder;
  readonly #handle: Handle;
  readonly #request: WindowRequest;
  readonly #streamOf: StreamOf;

  constructor(plan: PlanBuilder, handle: Handle, request: WindowRequest, streamOf: StreamOf) {
    this.#plan = plan;
    this.#handle = handle;
    this.#request = request;
    this.#streamOf = streamOf;
  }

  /** One value for each window of a key that has events. */
  aggregate<A>(name: string, schema: Schema<A>, aggregator: Aggregator<K, V, NoInfer<A>>): Results<E, K, A> {
    const { emit } = this.#request;
    const functions = { ...aggregator };
    const handle = addWindowAggregate(this.#plan, this.#handle, this.#request, name, schema, functions);
    return windowResults(emit, this.#plan, handle, this.#streamOf);
  }

  /** The number of events in each window of a key. */
  count(name: string): Results<E, K, bigint> {
    return this.aggregate(name, COUNT, counting);
  }
}

/** The events of each key, session by session, ready to be folded. */
export class SessionWindowedKStream<K, V, E extends WindowEmit> {
  /** For the compiler alone. */
  declare readonly types?: { readonly key: (key: K) => K; readonly value: V; readonly emit: E };
  readonly #plan: PlanBuilder;
  readonly #handle: Handle;
  readonly #request: WindowRequest;
  readonly #streamOf: StreamOf;

  constructor(plan: PlanBuilder, handle: Handle, request: WindowRequest, streamOf: StreamOf) {
    this.#plan = plan;
    this.#handle = handle;
    this.#request = request;
    this.#streamOf = streamOf;
  }

  /** One value for each session of a key. With `emit: 'on-update'` a session that grows ends under its old bounds. */
  aggregate<A>(
    name: string,
    schema: Schema<A>,
    aggregator: SessionAggregator<K, V, NoInfer<A>>,
  ): Results<E, K, A> {
    const { emit } = this.#request;
    const functions = { ...aggregator };
    const handle = addWindowAggregate(this.#plan, this.#handle, this.#request, name, schema, functions);
    return windowResults(emit, this.#plan, handle, this.#streamOf);
  }

  /** The number of events in each session of a key. */
  count(name: string): Results<E, K, bigint> {
    return this.aggregate(name, COUNT, countingSessions);
  }
}

function windowResults<E extends WindowEmit, K, A>(
  emit: WindowEmit,
  plan: PlanBuilder,
  handle: Handle,
  streamOf: StreamOf,
): Results<E, K, A> {
  const results =
    emit === 'on-update'
      ? new WindowedKTable<Windowed<K>, A>(plan, handle)
      : streamOf<Windowed<K>, A>(plan, handle);
  return results as Results<E, K, A>;
}
