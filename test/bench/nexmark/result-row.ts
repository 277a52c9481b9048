import { GRACE_MS, type Query, isTable } from './queries.ts';
import type { ReadResult } from './results.ts';
import type { EnrichedBid, LocalItem, OpenBid, WindowKey, WindowResult } from './schemas.ts';
import { rowText } from './sql-oracle.ts';

/** Results as the oracle writes them: each, or of a table the last of each key. */
export class ResultRows {
  readonly #query: Query;
  readonly #rows = new Map<string, string>();

  constructor(query: Query) {
    this.#query = query;
  }

  add({ key, value }: ReadResult): void {
    const place = isTable(this.#query) ? rowText(Object.values(key ?? {})) : String(this.#rows.size);
    if (value === null) this.#rows.delete(place);
    else this.#rows.set(place, resultRow(this.#query, key, value));
  }

  rows(): Iterable<string> {
    return this.#rows.values();
  }
}

function resultRow(query: Query, key: unknown, value: unknown): string {
  switch (query) {
    case 'join': {
      const { auction, category, bidder, price, date_time, expires } = value as OpenBid;
      return rowText([auction, category, bidder, price, date_time, expires]);
    }
    case 'enrich': {
      const { auction, bidder, price, date_time, opened, seller } = value as EnrichedBid;
      return rowText([auction, bidder, price, date_time, opened, seller]);
    }
    case 'hopping':
    case 'tumbling': {
      const { id, window_start } = key as WindowKey;
      return rowText([id, window_start, (value as WindowResult).result]);
    }
    case 'fk-join': {
      const { name, city, state, auction, opened, registered } = value as LocalItem;
      return rowText([name, city, state, auction, opened, registered]);
    }
  }
}

/**
 * When the result could be known, milliseconds: the time of the later of the events behind it; of a window's result,
 * when the window had its end and its grace. Null for a row that is deleted.
 */
export function causeMs(query: Query, { key, value }: ReadResult): number | null {
  if (value === null) return null;
  switch (query) {
    case 'join':
    case 'enrich': {
      const { date_time, opened } = value as OpenBid | EnrichedBid;
      return Number(date_time > opened ? date_time : opened);
    }
    case 'hopping':
    case 'tumbling':
      return Number((key as WindowKey).window_end) + GRACE_MS;
    case 'fk-join': {
      const { opened, registered } = value as LocalItem;
      return Number(opened > registered ? opened : registered);
    }
  }
}
