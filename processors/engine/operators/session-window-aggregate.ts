import type { StreamRecord } from '../record.ts';
import type { WindowEntry, WindowStore } from '../state/store.ts';
import { type TableRow, decodeRow, encodeRow } from '../state/table-state.ts';
import { TIME_BYTES, readTime, writeTime } from '../state/time-bytes.ts';
import type { WindowBounds } from '../windowed-key.ts';
import type { Call, TableOperator } from './operator.ts';
import { type ClosedWindow, type WindowContext, WindowResults } from './window-results.ts';

interface Session extends WindowBounds {
  readonly entry: WindowEntry;
  readonly row: TableRow;
}

/**
 * Folds the events of a key in sessions. An event joins every session that it is within the gap of, and those become
 * one. A session is under its end in the store; it has closed when that is more than gap and grace behind the
 * highest time seen.
 */
export function sessionWindowAggregate(context: WindowContext): TableOperator {
  const sessions = new Sessions(context);
  return {
    process: (record) => sessions.process(record),
    advance: (time, commitTime) => sessions.advance(time, commitTime),
    get: (_, key) => sessions.get(key),
  };
}

class Sessions {
  readonly #context: WindowContext;
  readonly #results: WindowResults;
  readonly #store: WindowStore;
  readonly #initial: Call;
  readonly #add: Call;
  readonly #merge: Call;

  constructor(context: WindowContext) {
    this.#context = context;
    this.#results = new WindowResults(context);
    this.#store = context.windowStore(context.node.stores[0] ?? '');
    this.#initial = context.call('initial');
    this.#add = context.call('add');
    this.#merge = context.call('merge');
  }

  get(windowed: unknown): TableRow | null {
    const { keyBody, start, end } = this.#results.parse(windowed);
    const found = this.#store.fetch(keyBody, end, end).map((entry) => this.#session(entry));
    return found.find((session) => session.start === start)?.row ?? null;
  }

  process(record: StreamRecord): void {
    if (!this.#results.admits(record)) return;
    const { sizeMs: gapMs, graceMs } = this.#context.node.window;
    this.#store.advance(record.time);
    const { streamTime } = this.#store;
    const sessions = this.#store
      .fetch(record.keyBody as Buffer, record.time - gapMs, Number.POSITIVE_INFINITY)
      .map((entry) => this.#session(entry))
      .filter(({ start }) => start <= record.time + gapMs);
    const merged = {
      start: sessions.reduce((least, { start }) => Math.min(least, start), record.time),
      end: sessions.reduce((most, { end }) => Math.max(most, end), record.time),
    };
    if (merged.end < streamTime - graceMs - gapMs) this.#results.late(record, streamTime, merged);
    else this.#update(record, sessions, merged);
    this.#close(streamTime - graceMs - gapMs, record.commitTime);
  }

  advance(time: number, commitTime: number): void {
    const { sizeMs: gapMs, graceMs } = this.#context.node.window;
    this.#store.advance(time);
    this.#close(this.#store.streamTime - graceMs - gapMs, commitTime);
  }

  #update(record: StreamRecord, sessions: readonly Session[], merged: WindowBounds): void {
    const { key, keyBody } = record;
    const [first] = sessions;
    const isUpdate = merged.start === merged.end && first !== undefined;
    const isTold = this.#context.node.emit === 'on-update';
    for (const session of sessions) {
      this.#store.remove(session.entry.key, session.entry.time, session.entry.seq);
      if (isTold && !isUpdate) this.#results.forward(key, session, null, session.row.value, session.row);
    }
    const rest = sessions.slice(1);
    const before = rest.reduce<unknown>(
      (sum, { row }) => this.#merge(sum, row.value, key),
      first === undefined ? this.#initial() : first.row.value,
    );
    const value = this.#add(before, record.value, key);
    const commitTime = sessions.reduce((most, { row }) => Math.max(most, row.commitTime), record.commitTime);
    const times = { time: merged.end, commitTime };
    if (value !== null)
      this.#store.put(keyBody as Buffer, merged.end, this.#bytes(value, merged, commitTime));
    const oldValue = isUpdate ? first.row.value : null;
    if (isTold && (value !== null || oldValue !== null))
      this.#results.forward(key, merged, value, oldValue, times);
  }

  /** Ends the sessions that ended before `time`. */
  #close(time: number, commitTime: number): void {
    if (this.#context.node.emit === 'on-update') return this.#store.expire(time);
    const closed: ClosedWindow[] = [];
    for (let next = this.#store.oldest(); next !== null && next.time < time; next = this.#store.oldest()) {
      this.#store.remove(next.key, next.time, next.seq);
      closed.push({ ...this.#session(next), keyBody: next.key });
    }
    if (closed.length > 0) this.#results.forwardClosed(closed, commitTime);
  }

  #session(entry: WindowEntry): Session {
    const row = decodeRow(entry.value.subarray(TIME_BYTES), this.#results.aggregates);
    return { entry, row, start: readTime(entry.value, 0), end: entry.time };
  }

  #bytes(value: unknown, { start, end }: WindowBounds, commitTime: number): Buffer {
    const head = Buffer.allocUnsafe(TIME_BYTES);
    writeTime(head, start, 0);
    return Buffer.concat([head, encodeRow(this.#results.aggregates.encodeBody(value), end, commitTime)]);
  }
}
