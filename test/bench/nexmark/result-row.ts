import { GRACE_MS, type Query } from './queries.ts';
import type { EnrichedBid, OpenBid, WindowKey, WindowResult } from './schemas.ts';
import { rowText } from './sql-oracle.ts';

/** A result as the oracle writes it. */
export function resultRow(query: Query, key: unknown, value: unknown): string {
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
  }
}

/**
 * When the result could be known, milliseconds: the time of the later of the events behind it; of a window's result,
 * when the window had its end and its grace.
 */
export function causeMs(query: Query, key: unknown, value: unknown): number {
  switch (query) {
    case 'join':
    case 'enrich': {
      const { date_time, opened } = value as OpenBid | EnrichedBid;
      return Number(date_time > opened ? date_time : opened);
    }
    case 'hopping':
    case 'tumbling':
      return Number((key as WindowKey).window_end) + GRACE_MS;
  }
}
