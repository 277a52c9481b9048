import type { KStream } from '../../../processors/engine/kstream.ts';
import { type TopologyBuilder, topology } from '../../../processors/engine/topology.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import type { Windowed } from '../../../processors/engine/windowed-key.ts';
import type { Topic } from '../../../schemas/topic.ts';
import { type EventTimes, type EventType, auctionMsMax } from './generator.ts';
import {
  type IdKey,
  enrichedBidSchema,
  idKeySchema,
  localItemSchema,
  openBidSchema,
  windowKeySchema,
  windowResultSchema,
} from './schemas.ts';
import { auctions, bids, eventTopic, persons } from './topics.ts';

/** What is measured, each beside the same topology of Kafka Streams. */
export const QUERIES = ['join', 'enrich', 'hopping', 'tumbling', 'fk-join'] as const;
export type Query = (typeof QUERIES)[number];

/** How far out of order events may come, where windows are: what Nexmark's Flink tables allow. */
export const GRACE_MS = 4_000;
export const HOP = { sizeMs: 10_000, advanceMs: 2_000 } as const;
export const TUMBLE_MS = 10_000;
/** The category and states of q20 and q3. */
export const CATEGORY = 10;
export const STATES = ['OR', 'ID', 'CA'];

type Rate = Pick<EventTimes, 'eventsPerSecond'>;

const READS: Readonly<Record<Query, readonly EventType[]>> = {
  join: ['auction', 'bid'],
  enrich: ['auction', 'bid'],
  hopping: ['bid'],
  tumbling: ['bid'],
  'fk-join': ['person', 'auction'],
};

/** The events that a query reads. */
export const readTypes = (query: Query): ReadonlySet<EventType> => new Set(READS[query]);

/** Whether the last results come only when event time goes on. */
export const isWindowed = (query: Query): boolean => query === 'hopping' || query === 'tumbling';

/** Whether only the last result of each key is an answer. */
export const isTable = (query: Query): boolean => query === 'fk-join';

/** A query under a name of its own: consumer group, internal topics and the result topic begin with it. */
export interface NamedQuery {
  readonly topology: Topology;
  readonly result: Topic<unknown, unknown>;
}

export function namedQuery(query: Query, name: string, rate: Rate): NamedQuery {
  switch (query) {
    case 'join':
      return joinQuery(name, rate);
    case 'enrich':
      return enrichQuery(name);
    case 'hopping':
      return countQuery(name);
    case 'tumbling':
      return highestQuery(name);
    case 'fk-join':
      return localItemQuery(name);
  }
}

/**
 * The stream-stream join below q4 and q9: bids made while their auction was open. Auctions are open for unlike times, so
 * the window is that of the longest, and a filter looks at each.
 */
export function openBids(builder: TopologyBuilder, rate: Rate) {
  return builder
    .stream(auctions)
    .join(
      'open-bids',
      builder.stream(bids),
      { within: { before: 0, after: auctionMsMax({ ...rate, baseMs: 0 }) }, grace: GRACE_MS },
      (auction, bid) => ({
        auction: auction.id,
        category: auction.category,
        bidder: bid.bidder,
        price: bid.price,
        date_time: bid.date_time,
        opened: auction.date_time,
        expires: auction.expires,
      }),
    )
    .filter(({ date_time, expires }) => date_time <= expires);
}

function joinQuery(name: string, rate: Rate): NamedQuery {
  const result = eventTopic(`${name}-result`, idKeySchema, openBidSchema);
  return { topology: topology(name, (builder) => openBids(builder, rate).to(result)), result };
}

/** q20: bids with the newest state of their auction. A bid that comes before its auction has no result. */
function enrichQuery(name: string): NamedQuery {
  const result = eventTopic(`${name}-result`, idKeySchema, enrichedBidSchema);
  const enriched = topology(name, (builder) => {
    builder
      .stream(bids)
      .joinTable('with-auction', builder.table(auctions), (bid, auction) => ({
        auction: bid.auction,
        bidder: bid.bidder,
        price: bid.price,
        channel: bid.channel,
        url: bid.url,
        date_time: bid.date_time,
        item_name: auction.item_name,
        description: auction.description,
        initial_bid: auction.initial_bid,
        reserve: auction.reserve,
        opened: auction.date_time,
        expires: auction.expires,
        seller: auction.seller,
        category: auction.category,
      }))
      .filter(({ category }) => category === CATEGORY)
      .to(result);
  });
  return { topology: enriched, result };
}

/** The windowed part of q5: bids of each auction in windows of 10 s, every 2 s, told when a window closes. */
export function bidCounts(builder: TopologyBuilder): KStream<Windowed<IdKey>, bigint> {
  const { sizeMs, advanceMs } = HOP;
  return builder
    .stream(bids)
    .windowedBy({ hopping: sizeMs, advance: advanceMs }, { grace: GRACE_MS })
    .count('bid-counts');
}

function countQuery(name: string): NamedQuery {
  const result = eventTopic(`${name}-result`, windowKeySchema, windowResultSchema);
  const counts = topology(name, (builder) =>
    bidCounts(builder)
      .mapValues((counted) => ({ result: counted }))
      .to(result),
  );
  return { topology: counts, result };
}

/** The windowed part of q7, for each auction: the highest price in windows of 10 s, told when a window closes. */
function highestQuery(name: string): NamedQuery {
  const result = eventTopic(`${name}-result`, windowKeySchema, windowResultSchema);
  const highest = topology(name, (builder) =>
    builder
      .stream(bids)
      .windowedBy({ tumbling: TUMBLE_MS }, { grace: GRACE_MS })
      .aggregate('highest', windowResultSchema, {
        initial: () => ({ result: 0n }),
        add: (highest, { price }) => (price > highest.result ? { result: price } : highest),
      })
      .to(result),
  );
  return { topology: highest, result };
}

/** q3: who sells in some states what is of one category. Rows of both sides come in any order, and change. */
function localItemQuery(name: string): NamedQuery {
  const result = eventTopic(`${name}-result`, idKeySchema, localItemSchema);
  const items = topology(name, (builder) => {
    const sellers = builder.table(persons).filter(({ state }) => STATES.includes(state));
    builder
      .table(auctions)
      .filter(({ category }) => category === CATEGORY)
      .joinForeignKey('seller', sellers, { key: ({ seller }) => ({ id: seller }) }, (auction, person) => ({
        name: person.name,
        city: person.city,
        state: person.state,
        auction: auction.id,
        opened: auction.date_time,
        registered: person.date_time,
      }))
      .to(result);
  });
  return { topology: items, result };
}
