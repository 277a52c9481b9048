import type { StreamRecord } from '../record.ts';
import type { WindowStore } from '../state/store.ts';
import { type TableRow, encodeRow } from '../state/table-state.ts';
import type { Call, TableOperator } from './operator.ts';
import { type ClosedWindow, type WindowContext, WindowResults } from './window-results.ts';

/**
 * Folds the events of a key in tumbling or hopping windows. A window has closed when its end is `grace` behind the
 * highest time seen; it is put out before it is forgotten, however far time jumps. Each closed window of an event
 * counts as one late record.
 */
export function timeWindowAggregate(context: WindowContext): TableOperator {
  const windows = new TimeWindows(context);
  return {
    process: (record) => windows.process(record),
    advance: (time, commitTime) => windows.advance(time, commitTime),
    get: (_, key) => windows.get(key),
  };
}

class TimeWindows {
  readonly #context: WindowContext;
  readonly #results: WindowResults;
  readonly #store: WindowStore;
  readonly #initial: Call;
  readonly #add: Call;

  constructor(context: WindowContext) {
    this.#context = context;
    this.#results = new WindowResults(context);
    this.#store = context.windowStore(context.node.stores[0] ?? '');
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
    const { sizeMs, advanceMs, graceMs } = this.#context.node.window;
    this.#store.advance(record.time);
    const { streamTime } = this.#store;
    for (let start = firstStart(record.time, sizeMs, advanceMs); start <= record.time; start += advanceMs) {
      const bounds = { start, end: start + sizeMs };
      if (bounds.end <= streamTime - graceMs) this.#results.late(record, streamTime, bounds);
      else this.#update(record, bounds);
    }
    this.#close(streamTime - graceMs - sizeMs, record.commitTime);
  }

  advance(time: number, commitTime: number): void {
    const { sizeMs, graceMs } = this.#context.node.window;
    this.#store.advance(time);
    this.#close(this.#store.streamTime - graceMs - sizeMs, commitTime);
  }

  #update(record: StreamRecord, bounds: { readonly start: number; readonly end: number }): void {
    const keyBody = record.keyBody as Buffer;
    const [entry] = this.#store.fetch(keyBody, bounds.start, bounds.start);
    const row = entry === undefined ? null : this.#results.row(entry);
    const value = this.#add(row === null ? this.#initial() : row.value, record.value, record.key);
    const time = Math.max(record.time, row?.time ?? record.time);
    const commitTime = Math.max(record.commitTime, row?.commitTime ?? record.commitTime);
    if (value === null) {
      if (entry !== undefined) this.#store.remove(keyBody, entry.time, entry.seq);
    } else {
      const bytes = encodeRow(this.#results.aggregates.encodeBody(value), time, commitTime);
      if (entry === undefined) this.#store.put(keyBody, bounds.start, bytes);
      else this.#store.replace(entry, bytes);
    }
    if (this.#context.node.emit === 'on-close' || (value === null && row === null)) return;
    this.#results.forward(record.key, bounds, value, row?.value ?? null, { time, commitTime });
  }

  /** Ends the windows that began at `lastStart` or before. */
  #close(lastStart: number, commitTime: number): void {
    if (this.#context.node.emit === 'on-update') return this.#store.expire(lastStart + 1);
    const closed: ClosedWindow[] = [];
    const { sizeMs } = this.#context.node.window;
    for (
      let next = this.#store.oldest();
      next !== null && next.time <= lastStart;
      next = this.#store.oldest()
    ) {
      this.#store.remove(next.key, next.time, next.seq);
      const { key: keyBody, time: start } = next;
      closed.push({ keyBody, start, end: start + sizeMs, row: this.#results.row(next) });
    }
    if (closed.length > 0) this.#results.forwardClosed(closed, commitTime);
  }
}

/** The start of the oldest window that has `time` in it: never before 1970 for a time since then. */
function firstStart(time: number, sizeMs: number, advanceMs: number): number {
  const first = Math.floor((time - sizeMs + advanceMs) / advanceMs) * advanceMs;
  return time >= 0 ? Math.max(0, first) : first;
}
