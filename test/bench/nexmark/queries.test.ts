import { afterAll, expect, test } from 'vitest';
import { testDriver } from '../../../processors/engine/test-driver.ts';
import type { TestDriver } from '../../../processors/engine/test-driver.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { nexmarkEvent } from './generator.ts';
import { QUERIES, namedQuery } from './queries.ts';
import { ResultRows } from './result-row.ts';
import { SqlOracle, rowText } from './sql-oracle.ts';
import { auctions, bids, persons } from './topics.ts';
import * as whole from './whole-queries.ts';

const TIMES = { baseMs: Date.UTC(2026, 0, 1), eventsPerSecond: 1_000 };
const EVENTS = 20_000;
/** Behind the last window and its grace, and no further: joins still have what results of windows meet. */
const CLOSING_MS = TIMES.baseMs + EVENTS + 14_000;
/** Tens of thousands of events take a while where the machine has other work too. */
const TIMEOUT = { timeout: 60_000 } as const;

const LEAST_RESULTS = { join: 10_000, enrich: 3_000, hopping: 5_000, tumbling: 1_000, 'fk-join': 80 };

const oracle = new SqlOracle(TIMES, EVENTS, new Set(['person', 'auction', 'bid']));
afterAll(() => oracle[Symbol.dispose]());
const right = (query: Parameters<SqlOracle['rows']>[0]): string[] => [...oracle.rows(query)].toSorted();

/** All events of the topics that the topology reads, and a last one that closes every window. */
function ran(topology: Topology): TestDriver {
  const driver = testDriver(topology);
  const read = new Set(topology.plan.nodes.flatMap((node) => ('topic' in node ? [node.topic.name] : [])));
  const pipe = (n: number, timestamp?: number): void => {
    const { type, timeMs, value } = nexmarkEvent(TIMES, n);
    const options = { timestamp: timestamp ?? timeMs };
    if (type === 'person' && read.has(persons.name)) driver.pipe(persons, { id: value.id }, value, options);
    else if (type === 'auction' && read.has(auctions.name))
      driver.pipe(auctions, { id: value.id }, value, options);
    else if (type === 'bid' && read.has(bids.name)) driver.pipe(bids, { id: value.auction }, value, options);
  };
  for (let n = 0; n < EVENTS; n++) pipe(n);
  pipe(EVENTS - 1, CLOSING_MS);
  return driver;
}

/** The rows of a table of results, by key; those that were deleted again are not there. */
function table<K, V>(driver: TestDriver, topic: Topic<K, V>): readonly (readonly [K, V])[] {
  const rows = new Map<string, readonly [K, V]>();
  for (const { key, value } of driver.read(topic)) {
    const text = rowText(Object.values(key ?? {}));
    if (value === null) rows.delete(text);
    else rows.set(text, [key as K, value]);
  }
  return [...rows.values()];
}

test.each(QUERIES)('%s has the results of the SQL, each once', TIMEOUT, (query) => {
  const { topology, result } = namedQuery(query, query, TIMES);
  const results = ran(topology).read(result);
  const answer = new ResultRows(query);
  for (const record of results) answer.add(record);
  const rows = [...answer.rows()].toSorted();
  expect(rows.length).toBeGreaterThan(LEAST_RESULTS[query]);
  expect(rows).toEqual(right(query));
});

test('q4: the mean winning price of each category is that of the SQL', TIMEOUT, () => {
  const rows = table(ran(whole.q4(TIMES)), whole.meanPrices);
  expect(rows.map(([{ id }, { sum, count }]) => rowText([id, sum, count])).toSorted()).toEqual(right('q4'));
});

test('q5: the hottest auctions of each window are those of the SQL, ties too', TIMEOUT, () => {
  const rows = table(ran(whole.q5), whole.hottestAuctions);
  const texts = rows.flatMap(([{ id }, hottest]) =>
    hottest.auctions.map((auction) => rowText([id, hottest.bids, auction])),
  );
  expect(texts.toSorted()).toEqual(right('q5'));
});

test('q7: the highest bids of each window are those of the SQL', TIMEOUT, () => {
  const results = ran(whole.q7).read(whole.highBids);
  const rows = results.map(({ key, value }) =>
    rowText([value?.auction, value?.bidder, value?.price, key?.window_start]),
  );
  expect(rows.toSorted()).toEqual(right('q7'));
});

test('q8: who has registered and sold in one window is who the SQL finds', TIMEOUT, () => {
  const rows = table(ran(whole.q8), whole.newSellers);
  expect(rows.length).toBeGreaterThan(10);
  const texts = rows.map(([{ id, window_start }, { name }]) => rowText([id, name, window_start]));
  expect(texts.toSorted()).toEqual(right('q8'));
});
