import type { StreamRecord } from '../record.ts';
import type { WindowEntry, WindowStore } from '../state/store.ts';
import { type BodySerde, type TableRow, type TableView, decodeRow, encodeRow } from '../state/table-state.ts';
import type { NodeOf, OperatorContext, TableOperator } from './operator.ts';

/** What is held back of a key: what those below know of it, and what they will be told. */
type Held = readonly [known: unknown, next: unknown];

/**
 * Holds the changes of a table back until they are due, and tells the last of each key (KIP-328): a window's when it has
 * closed, any other's a while after its first. A row that comes and goes meanwhile is not heard of. What is held is
 * stored under the time at which it is due.
 */
export function suppress(context: OperatorContext<NodeOf<'suppress'>>): TableOperator {
  const buffer = new SuppressBuffer(context);
  return {
    process: (record) => buffer.process(record),
    advance: (time, commitTime) => buffer.advance(time, commitTime),
    get: (keyBody, key) => buffer.get(keyBody, key),
  };
}

class SuppressBuffer {
  readonly #context: OperatorContext<NodeOf<'suppress'>>;
  readonly #store: WindowStore;
  readonly #key: BodySerde;
  readonly #held: BodySerde;
  readonly #parent: TableView;

  constructor(context: OperatorContext<NodeOf<'suppress'>>) {
    const { stores, inputs } = context.node;
    const { key, value } = context.storeSerdes(stores[0] ?? '');
    this.#context = context;
    this.#store = context.windowStore(stores[0] ?? '');
    this.#key = key;
    this.#held = value;
    this.#parent = context.table(inputs[0] ?? '');
  }

  process(record: StreamRecord): void {
    const { keyBody } = record;
    if (keyBody === null) return this.#context.drop('null_key');
    if (record.isLatest === false) return this.#context.drop('out_of_order');
    this.#store.advance(record.time);
    this.#hold(record, keyBody);
    this.#release(record.commitTime);
  }

  advance(time: number, commitTime: number): void {
    this.#store.advance(time);
    this.#release(commitTime);
  }

  /** As those below know it. */
  get(keyBody: Buffer, key: unknown): TableRow | null {
    const entry = this.#find(keyBody);
    if (entry === undefined) return this.#parent.get(keyBody, key);
    const { value, ...times } = decodeRow(entry.value, this.#held);
    const [known] = value as Held;
    return known === null ? null : { value: known, ...times };
  }

  #hold(record: StreamRecord, keyBody: Buffer): void {
    const entry = this.#find(keyBody);
    const row = entry === undefined ? null : decodeRow(entry.value, this.#held);
    const known = row === null ? record.oldValue : (row.value as Held)[0];
    if (known === null && record.value === null) {
      if (entry !== undefined) this.#store.remove(keyBody, entry.time, entry.seq);
      return;
    }
    const commitTime = Math.max(record.commitTime, row?.commitTime ?? record.commitTime);
    const bytes = encodeRow(this.#held.encodeBody([known, record.value]), record.time, commitTime);
    if (entry === undefined) this.#store.put(keyBody, this.#dueTime(record), bytes);
    else this.#store.replace(entry, bytes);
  }

  #dueTime({ key, time }: StreamRecord): number {
    const { until, delayMs } = this.#context.node;
    const from = until === 'time-limit' ? time : Number((key as { window_end: bigint }).window_end);
    return from + delayMs;
  }

  /** Tells what is due. */
  #release(commitTime: number): void {
    const { recordsMax } = this.#context.node;
    for (let next = this.#store.oldest(); next !== null; next = this.#store.oldest()) {
      const isFull = recordsMax !== null && this.#store.entries > recordsMax;
      if (next.time > this.#store.streamTime && !isFull) return;
      this.#tell(next, commitTime);
    }
  }

  #tell(entry: WindowEntry, commitTime: number): void {
    this.#store.remove(entry.key, entry.time, entry.seq);
    const row = decodeRow(entry.value, this.#held);
    const [oldValue, value] = row.value as Held;
    this.#context.forward({
      key: this.#key.decodeBody(entry.key),
      keyBody: entry.key,
      value,
      oldValue,
      time: row.time,
      commitTime: Math.max(commitTime, row.commitTime),
    });
  }

  #find(keyBody: Buffer): WindowEntry | undefined {
    return this.#store.fetch(keyBody, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)[0];
  }
}
