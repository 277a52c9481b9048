import { must } from '../../../infra/process/assert.ts';

/** A smaller part of a table is not worth a query of its own: 4 MiB of pages. */
export const RANGE_PAGES_MIN = 512;
/** Parts of a table for each session that reads it, so that all of them end at about the same time. */
const RANGES_PER_SESSION = 4;

/** Pages of one table, from `from` up to and without `to`; to the end where that is null. */
export interface PageRange<T> {
  readonly table: T;
  readonly from: number;
  readonly to: number | null;
}

/** Cuts a table into ranges of pages: one, unless several sessions shall read it. The last one has no end. */
export function pageRanges<T>(table: T, pages: number, sessions: number): PageRange<T>[] {
  const size =
    sessions === 1
      ? Math.max(1, pages)
      : Math.max(RANGE_PAGES_MIN, Math.ceil(pages / (sessions * RANGES_PER_SESSION)));
  const count = Math.max(1, Math.ceil(pages / size));
  return Array.from({ length: count }, (_, i) => ({
    table,
    from: i * size,
    to: i === count - 1 ? null : (i + 1) * size,
  }));
}

interface Entry<T> {
  readonly ranges: PageRange<T>[];
  readonly sessionsMax: number;
  /** Ranges that are being read. */
  open: number;
}

/** Hands out ranges, table by table in the order given, each table to no more sessions than it may have. */
export class RangeQueue<T> {
  readonly #entries = new Map<T, Entry<T>>();

  add(table: T, ranges: readonly PageRange<T>[], sessionsMax: number): void {
    this.#entries.set(table, { ranges: [...ranges], sessionsMax, open: 0 });
  }

  /** The next range, null when there is none that another session may have. */
  take(): PageRange<T> | null {
    for (const entry of this.#entries.values()) {
      if (entry.open >= entry.sessionsMax) continue;
      const range = entry.ranges.shift();
      if (range === undefined) continue;
      entry.open++;
      return range;
    }
    return null;
  }

  /** True when that was the last range of its table. */
  done(range: PageRange<T>): boolean {
    const entry = must(this.#entries.get(range.table), 'a range of a table that is read');
    entry.open--;
    return entry.open === 0 && entry.ranges.length === 0;
  }

  /** The table is not read any further. */
  drop(table: T): void {
    this.#entries.delete(table);
  }

  /** False for a table that was dropped. */
  has(table: T): boolean {
    return this.#entries.has(table);
  }
}
