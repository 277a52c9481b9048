import type { KeyValueStore, WindowEntry, WindowStore } from './store.ts';
import {
  type BodySerde,
  type TableRow,
  type TableView,
  decodeRow,
  encodeRow,
  rowTime,
} from './table-state.ts';

/** What became of a change: it is its key's newest version, an older one, or too old to be kept. */
export type VersionedPut = 'latest' | 'out_of_order' | 'expired';

/**
 * Rows with their past. The newest version of each key is in one store, those before it in another, where the time of
 * an entry is the one at which its version stopped being valid: so the oldest entry is always the next to expire. A
 * deletion is a version as well, whose value is null.
 *
 * A deletion that is the newest version must be known as long as an older change may still come, and not for ever: it
 * has a mark in the history, a version that was valid for no time at all, and is forgotten when the mark expires.
 */
export class VersionedState implements TableView {
  readonly #latest: KeyValueStore;
  readonly #history: WindowStore;
  readonly #serde: BodySerde;
  readonly #historyMs: number;

  /** `serde` is that of the values, or null. */
  constructor(latest: KeyValueStore, history: WindowStore, serde: BodySerde, historyMs: number) {
    this.#latest = latest;
    this.#history = history;
    this.#serde = serde;
    this.#historyMs = historyMs;
  }

  get(keyBody: Buffer): TableRow | null {
    const bytes = this.#latest.get(keyBody);
    return bytes === null ? null : this.#row(bytes);
  }

  getAsOf(keyBody: Buffer, _key: unknown, time: number): TableRow | null {
    const latest = this.#latest.get(keyBody);
    if (latest === null) return null;
    if (rowTime(latest) <= time) return this.#row(latest);
    if (time < this.#horizon) return null;
    const version = this.#firstUntilAfter(keyBody, time);
    return version === null || rowTime(version.value) > time ? null : this.#row(version.value);
  }

  /** Takes a change, at whatever place of its key's history its time has. One of equal time is replaced. */
  put(keyBody: Buffer, value: unknown, time: number, commitTime: number): VersionedPut {
    if (time < this.#horizon) return 'expired';
    this.#history.advance(time);
    const row = encodeRow(this.#serde.encodeBody(value), time, commitTime);
    const latest = this.#latest.get(keyBody);
    const isLatest = latest === null || rowTime(latest) <= time;
    if (isLatest) this.#putLatest(keyBody, latest, row, value === null);
    else this.#putBefore(keyBody, rowTime(latest), row);
    this.#expire();
    return isLatest ? 'latest' : 'out_of_order';
  }

  /** Before this time nothing is known but what is valid still. */
  get #horizon(): number {
    return this.#history.streamTime - this.#historyMs;
  }

  #putLatest(keyBody: Buffer, latest: Buffer | null, row: Buffer, deletes: boolean): void {
    const time = rowTime(row);
    if (latest !== null) {
      const latestTime = rowTime(latest);
      for (const entry of this.#history.fetch(keyBody, latestTime, latestTime))
        if (isMark(entry)) this.#remove(entry);
      if (latestTime < time) this.#history.put(keyBody, time, latest);
    }
    this.#latest.put(keyBody, row);
    if (deletes) this.#history.put(keyBody, time, row);
  }

  #putBefore(keyBody: Buffer, latestTime: number, row: Buffer): void {
    const time = rowTime(row);
    const version = this.#firstUntilAfter(keyBody, time);
    const begin = version === null ? latestTime : rowTime(version.value);
    if (version === null || begin > time) {
      this.#history.put(keyBody, begin, row);
      return;
    }
    this.#remove(version);
    if (begin < time) this.#history.put(keyBody, time, version.value);
    this.#history.put(keyBody, version.time, row);
  }

  /** Of the versions that were still valid after a time the first one, which may have begun later; null: the newest. */
  #firstUntilAfter(keyBody: Buffer, time: number): WindowEntry | null {
    const entries = this.#history.fetch(keyBody, time, Number.POSITIVE_INFINITY);
    return entries.find((entry) => entry.time > time && !isMark(entry)) ?? null;
  }

  #expire(): void {
    const horizon = this.#horizon;
    const oldest = (): WindowEntry | null => this.#history.oldest();
    for (let next = oldest(); next !== null && next.time <= horizon; next = oldest()) {
      if (isMark(next)) this.#latest.delete(next.key);
      this.#remove(next);
    }
  }

  #remove(entry: WindowEntry): void {
    this.#history.remove(entry.key, entry.time, entry.seq);
  }

  #row(bytes: Buffer): TableRow | null {
    const row = decodeRow(bytes, this.#serde);
    return row.value === null ? null : row;
  }
}

const isMark = (entry: WindowEntry): boolean => rowTime(entry.value) === entry.time;
