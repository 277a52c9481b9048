import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { StreamRecord } from '../record.ts';
import type { WindowEntry } from '../state/store.ts';
import { type BodySerde, type TableRow, decodeRow } from '../state/table-state.ts';
import { type WindowBounds, unwindowedKey, windowedKey } from '../windowed-key.ts';
import type { NodeOf, OperatorContext } from './operator.ts';

export type WindowContext = OperatorContext<NodeOf<'window-aggregate'>>;

/** A window whose last value is known. */
export interface ClosedWindow extends WindowBounds {
  readonly keyBody: Buffer;
  readonly row: TableRow;
}

/** How the windows of one step read to those below: under a key with bounds, and late records as drops. */
export class WindowResults {
  readonly aggregates: BodySerde;
  readonly #context: WindowContext;
  readonly #innerKey: AvroSchema;
  readonly #inner: BodySerde;
  readonly #outer: BodySerde;
  readonly #onLate: ReturnType<WindowContext['callIfGiven']>;

  constructor(context: WindowContext) {
    const { stores, key, windowedKey: outer } = context.node;
    this.aggregates = context.storeSerdes(stores[0] ?? '').value;
    this.#context = context;
    this.#innerKey = key;
    this.#inner = context.serde(key);
    this.#outer = context.serde(outer);
    this.#onLate = context.callIfGiven('onLate');
  }

  /** A window's value has changed; null is a window that is no more. */
  forward(
    key: unknown,
    bounds: WindowBounds,
    value: unknown,
    oldValue: unknown,
    times: Pick<StreamRecord, 'time' | 'commitTime'>,
  ): void {
    const windowed = windowedKey(this.#innerKey, key, bounds);
    const { time, commitTime } = times;
    const keyBody = this.#outer.encodeBody(windowed);
    this.#context.forward({ key: windowed, keyBody, value, oldValue, time, commitTime });
  }

  /** Windows that have closed at one moment: by their start, then by their key. */
  forwardClosed(closed: ClosedWindow[], commitTime: number): void {
    closed.sort((a, b) => a.start - b.start || a.end - b.end || Buffer.compare(a.keyBody, b.keyBody));
    for (const { keyBody, row, start, end } of closed) {
      const key = this.#inner.decodeBody(keyBody);
      const times = { time: row.time, commitTime: Math.max(commitTime, row.commitTime) };
      this.forward(key, { start, end }, row.value, null, times);
    }
  }

  late({ key, value, time }: StreamRecord, streamTime: number, { start, end }: WindowBounds): void {
    this.#context.drop('late');
    this.#onLate?.({ key, value, time, streamTime, windowStart: start, windowEnd: end });
  }

  /** The events' key and the bounds behind a result's key. */
  parse(windowed: unknown): WindowBounds & { readonly keyBody: Buffer } {
    const { key, start, end } = unwindowedKey(this.#innerKey, windowed);
    return { keyBody: this.#inner.encodeBody(key), start, end };
  }

  row(entry: WindowEntry): TableRow {
    return decodeRow(entry.value, this.aggregates);
  }

  /** A record that takes part; counts one that does not. Those that do not leave the clock as it is. */
  admits({ keyBody, value }: StreamRecord): boolean {
    const { nulls } = this.#context.node;
    if (keyBody === null) this.#context.drop('null_key');
    else if (value === null && nulls === 'drop') this.#context.drop('null_value');
    else return true;
    return false;
  }
}
