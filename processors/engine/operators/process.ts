import type { StreamRecord } from '../record.ts';
import type { KeyValueStore, WindowStore } from '../state/store.ts';
import type { BodySerde } from '../state/table-state.ts';
import type { Call, NodeOf, Operator, OperatorContext } from './operator.ts';

type ProcessNode = NodeOf<'process'>;

/** What the functions are given: one object for all calls. */
interface View {
  readonly stores: object;
  readonly streamTime: number;
  time: number;
  readonly forward: (key: unknown, value: unknown) => void;
}

/** Runs a step of the user's own: its functions see events, stores and stream time, and nothing else. */
export function processStep(context: OperatorContext<ProcessNode>): Operator {
  const step = new ProcessStep(context);
  return {
    process: (record) => step.process(record),
    advance: (time, commitTime) => step.advance(time, commitTime),
  };
}

class ProcessStep {
  readonly #context: OperatorContext<ProcessNode>;
  readonly #clock: WindowStore;
  readonly #each: Call;
  readonly #punctuate: Call | null;
  readonly #key: BodySerde;
  readonly #view: View;
  #commitTime = 0;

  constructor(context: OperatorContext<ProcessNode>) {
    const [clock, ...stores] = context.node.stores;
    const own = context.windowStore(clock ?? '');
    this.#context = context;
    this.#clock = own;
    this.#each = context.call('each');
    this.#punctuate = context.callIfGiven('punctuate');
    this.#key = context.serde(context.node.key);
    const views = context.node.names.map((name, i) => [name, storeView(context, stores[i] ?? '')]);
    this.#view = {
      stores: Object.fromEntries(views) as object,
      get streamTime() {
        return own.streamTime;
      },
      time: 0,
      forward: (key, value) => this.#forward(key, value),
    };
  }

  process(record: StreamRecord): void {
    if (record.value === null) return this.#context.drop('null_value');
    const before = this.#clock.streamTime;
    this.#clock.advance(record.time);
    this.#commitTime = record.commitTime;
    this.#view.time = record.time;
    this.#each(record.value, record.key, this.#view);
    this.#beat(before);
  }

  advance(time: number, commitTime: number): void {
    const before = this.#clock.streamTime;
    this.#clock.advance(time);
    this.#commitTime = commitTime;
    this.#beat(before);
  }

  /** The first event sets the beat; a beat that has passed is not given twice, after a restart either. */
  #beat(before: number): void {
    const { everyMs } = this.#context.node;
    if (everyMs === null || this.#punctuate === null) return;
    const boundary = Math.floor(this.#clock.streamTime / everyMs) * everyMs;
    if (before === Number.NEGATIVE_INFINITY || before >= boundary) return;
    this.#view.time = boundary;
    this.#punctuate(this.#view);
  }

  #forward(key: unknown, value: unknown): void {
    const keyBody = key === null ? null : this.#key.encodeBody(key);
    const { time } = this.#view;
    this.#context.forward({ key, keyBody, value, oldValue: null, time, commitTime: this.#commitTime });
  }
}

function storeView(context: OperatorContext, name: string): object {
  const store: KeyValueStore = context.keyValueStore(name);
  const { key: keys, value: values } = context.storeSerdes(name);
  return {
    get(key: unknown) {
      const body = store.get(keys.encodeBody(key));
      return body === null ? null : values.decodeBody(body);
    },
    put: (key: unknown, value: unknown) => store.put(keys.encodeBody(key), values.encodeBody(value)),
    delete: (key: unknown) => store.delete(keys.encodeBody(key)),
    *entries() {
      for (const { key, value } of store.range(null, null))
        yield { key: keys.decodeBody(key), value: values.decodeBody(value) };
    },
  };
}
