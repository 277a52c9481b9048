import { DatabaseSync } from 'node:sqlite';
import { type EventTimes, type EventType, eventType, nexmarkEvent } from './generator.ts';
import { CATEGORY, HOP, type Query, STATES, TUMBLE_MS } from './queries.ts';

const TABLES = `
  CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, city TEXT, state TEXT, t INTEGER);
  CREATE TABLE auction (id INTEGER PRIMARY KEY, seller INTEGER, category INTEGER, t INTEGER, expires INTEGER);
  CREATE TABLE bid (n INTEGER PRIMARY KEY, auction INTEGER, bidder INTEGER, price INTEGER, t INTEGER);`;

const HOPS = Array.from({ length: HOP.sizeMs / HOP.advanceMs }, (_, i) => `(${i * HOP.advanceMs})`).join();
/** Each bid once for every hopping window that it is in. */
const HOPPED = `
  SELECT auction, t - t % ${HOP.advanceMs} - back AS start FROM bid, (SELECT column1 AS back FROM (VALUES ${HOPS}))`;
const COUNTED = `SELECT auction, start, count(*) AS bids FROM (${HOPPED}) GROUP BY auction, start`;
const OPEN = 'FROM bid b JOIN auction a ON a.id = b.auction AND b.t BETWEEN a.t AND a.expires';
const TUMBLED = `t - t % ${TUMBLE_MS}`;

/**
 * The queries as one statement over all the events. Each row is what tells a result from any other: two lists of equal
 * rows, in whatever order, are equal answers.
 */
export const ORACLE = {
  join: `SELECT b.auction, a.category, b.bidder, b.price, b.t, a.expires ${OPEN}`,
  enrich: `SELECT b.auction, b.bidder, b.price, b.t, a.t, a.seller FROM bid b JOIN auction a ON a.id = b.auction
    WHERE a.category = ${CATEGORY} AND a.t <= b.t`,
  hopping: `SELECT auction, start, bids FROM (${COUNTED})`,
  tumbling: `SELECT auction, ${TUMBLED} AS start, max(price) FROM bid GROUP BY auction, start`,
  'fk-join': `SELECT p.name, p.city, p.state, a.id, a.t, p.t FROM auction a JOIN person p ON p.id = a.seller
    WHERE a.category = ${CATEGORY} AND p.state IN (${STATES.map((state) => `'${state}'`).join()})`,
  q4: `SELECT category, sum(price), count(*) FROM (SELECT a.category, max(b.price) AS price ${OPEN} GROUP BY a.id)
    GROUP BY category`,
  q5: `WITH counted AS MATERIALIZED (${COUNTED}) SELECT c.start, c.bids, c.auction FROM counted c
    JOIN (SELECT start, max(bids) AS bids FROM counted GROUP BY start) m ON m.start = c.start AND m.bids = c.bids`,
  q7: `SELECT b.auction, b.bidder, b.price, m.start FROM bid b JOIN
    (SELECT ${TUMBLED} AS start, max(price) AS price FROM bid GROUP BY start) m
    ON m.start = b.t - b.t % ${TUMBLE_MS} AND m.price = b.price`,
  q8: `SELECT DISTINCT p.id, p.name, p.t - p.t % ${TUMBLE_MS} FROM person p JOIN auction a ON a.seller = p.id
    AND a.t - a.t % ${TUMBLE_MS} = p.t - p.t % ${TUMBLE_MS}`,
} as const satisfies Record<Query, string> & Record<string, string>;

/** A row as text, its columns in the oracle's order. */
export const rowText = (columns: readonly unknown[]): string => columns.map(String).join('|');

/** Events in a database in memory, to be asked what is right. */
export class SqlOracle implements Disposable {
  readonly #database = new DatabaseSync(':memory:');

  /** @param types the others are left out */
  constructor(times: EventTimes, events: number, types: ReadonlySet<EventType>) {
    this.#database.exec(`${TABLES} BEGIN`);
    const person = this.#database.prepare('INSERT INTO person VALUES (?, ?, ?, ?, ?)');
    const auction = this.#database.prepare('INSERT INTO auction VALUES (?, ?, ?, ?, ?)');
    const bid = this.#database.prepare('INSERT INTO bid VALUES (?, ?, ?, ?, ?)');
    for (let n = 0; n < events; n++) {
      if (!types.has(eventType(n))) continue;
      const { type, value } = nexmarkEvent(times, n);
      if (type === 'person') person.run(value.id, value.name, value.city, value.state, value.date_time);
      else if (type === 'bid') bid.run(n, value.auction, value.bidder, value.price, value.date_time);
      else auction.run(value.id, value.seller, value.category, value.date_time, value.expires);
    }
    this.#database.exec('COMMIT; CREATE INDEX bid_auction ON bid (auction)');
  }

  *rows(query: keyof typeof ORACLE): Iterable<string> {
    const statement = this.#database.prepare(ORACLE[query]);
    statement.setReadBigInts(true);
    // By name, columns that are called the same would be one.
    statement.setReturnArrays(true);
    for (const row of statement.iterate()) yield rowText(row as unknown as readonly bigint[]);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
