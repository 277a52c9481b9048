import type { StreamRecord } from '../record.ts';
import type { WindowEntry, WindowStore } from '../state/store.ts';
import { type BodySerde, type TableRow, decodeRow, encodeRow } from '../state/table-state.ts';
import type { Call, TableOperator } from './operator.ts';
import { type ClosedWindow, type WindowContext, WindowResults } from './window-results.ts';

/**
 * Folds the events of a key in sliding windows (KIP-450): one that ends at each event, and one that begins a millisecond
 * after each event that has later ones in reach. The events are kept beside the windows, so that a window that is
 * found out later has all of them, those too that came when their own windows had closed; they are folded in the
 * order in which they came.
 */
export function slidingWindowAggregate(context: WindowContext): TableOperator {
  const windows = new SlidingWindows(context);
  return {
    process: (record) => windows.process(record),
    advance: (time, commitTime) => windows.advance(time, commitTime),
    get: (_, key) => windows.get(key),
  };
}

class SlidingWindows {
  readonly #context: WindowContext;
  readonly #results: WindowResults;
  readonly #store: WindowStore;
  readonly #events: WindowStore;
  readonly #eventSerde: BodySerde;
  readonly #initial: Call;
  readonly #add: Call;

  constructor(context: WindowContext) {
    const [windows, events] = context.node.stores;
    this.#context = context;
    this.#results = new WindowResults(context);
    this.#store = context.windowStore(windows ?? '');
    this.#events = context.windowStore(events ?? '');
    this.#eventSerde = context.storeSerdes(events ?? '').value;
    this.#initial = context.call('initial');
    this.#add = context.call('add');
  }

  get(windowed: unknown): TableRow | null {
    const { keyBody, start } = this.#results.parse(windowed);
    const [entry] = this.#store.fetch(keyBody, start, start);
    return entry === undefined ? null : this.#results.row(entry);
  }

  process(record: StreamRecord): void {
    if (!this.#results.admits(record)) return;
    const { sizeMs, graceMs } = this.#context.node.window;
    const { time, commitTime } = record;
    const keyBody = record.keyBody as Buffer;
    this.#store.advance(time);
    const { streamTime } = this.#store;
    /** A window that begins before it has closed. */
    const openFrom = streamTime - graceMs - sizeMs;
    if (time < openFrom) {
      this.#results.late(record, streamTime, { start: Math.max(0, time - sizeMs), end: time });
    } else {
      const body = this.#eventSerde.encodeBody(record.value);
      this.#events.put(keyBody, time, encodeRow(body, time, commitTime));
      for (const start of this.#startsAround(keyBody, time)) if (start >= openFrom) this.#fold(record, start);
    }
    this.#close(openFrom, commitTime);
    this.#events.expire(openFrom - 1);
  }

  advance(time: number, commitTime: number): void {
    const { sizeMs, graceMs } = this.#context.node.window;
    this.#store.advance(time);
    const openFrom = this.#store.streamTime - graceMs - sizeMs;
    this.#close(openFrom, commitTime);
    this.#events.expire(openFrom - 1);
  }

  /** Starts of the windows that the event is in, and of the one behind it where that is new. */
  #startsAround(keyBody: Buffer, time: number): number[] {
    const { sizeMs } = this.#context.node.window;
    const starts = new Set(this.#store.fetch(keyBody, time - sizeMs, time).map((entry) => entry.time));
    starts.add(time >= 0 ? Math.max(0, time - sizeMs) : time - sizeMs);
    for (const before of this.#events.fetch(keyBody, time - 1 - sizeMs, time - 1))
      starts.add(before.time + 1);
    const isFollowed = this.#events.fetch(keyBody, time + 1, time + 1 + sizeMs).length > 0;
    if (isFollowed && this.#store.fetch(keyBody, time + 1, time + 1).length === 0) starts.add(time + 1);
    return [...starts].toSorted((a, b) => a - b);
  }

  #fold({ key, keyBody, ...record }: StreamRecord, start: number): void {
    const own = keyBody as Buffer;
    const bounds = { start, end: start + this.#context.node.window.sizeMs };
    const [entry] = this.#store.fetch(own, start, start);
    const old = entry === undefined ? null : this.#results.row(entry);
    const row =
      old === null
        ? this.#foldAll(key, own, bounds.start, bounds.end)
        : {
            value: this.#add(old.value, record.value, key),
            time: Math.max(old.time, record.time),
            commitTime: Math.max(old.commitTime, record.commitTime),
          };
    if (row.value === null) {
      if (entry !== undefined) this.#store.remove(own, entry.time, entry.seq);
    } else {
      const bytes = encodeRow(this.#results.aggregates.encodeBody(row.value), row.time, row.commitTime);
      if (entry === undefined) this.#store.put(own, start, bytes);
      else this.#store.replace(entry, bytes);
    }
    if (this.#context.node.emit === 'on-close' || (row.value === null && old === null)) return;
    this.#results.forward(key, bounds, row.value, old?.value ?? null, row);
  }

  #foldAll(key: unknown, keyBody: Buffer, from: number, to: number): TableRow {
    const events = [...this.#events.fetch(keyBody, from, to)].sort((a, b) => a.seq - b.seq);
    let value: unknown = this.#initial();
    let [time, commitTime] = [Number.NEGATIVE_INFINITY, 0];
    for (const event of events) {
      const row = decodeRow(event.value, this.#eventSerde);
      value = this.#add(value ?? this.#initial(), row.value, key);
      time = Math.max(time, row.time);
      commitTime = Math.max(commitTime, row.commitTime);
    }
    return { value, time, commitTime };
  }

  /** Ends the windows that began before `openFrom`. */
  #close(openFrom: number, commitTime: number): void {
    if (this.#context.node.emit === 'on-update') return this.#store.expire(openFrom);
    const closed: ClosedWindow[] = [];
    const { sizeMs } = this.#context.node.window;
    for (
      let next: WindowEntry | null = this.#store.oldest();
      next !== null && next.time < openFrom;
      next = this.#store.oldest()
    ) {
      this.#store.remove(next.key, next.time, next.seq);
      const { key: keyBody, time: start } = next;
      closed.push({ keyBody, start, end: start + sizeMs, row: this.#results.row(next) });
    }
    if (closed.length > 0) this.#results.forwardClosed(closed, commitTime);
  }
}
