import { keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import type { AvroSchema } from '../../../schemas/avro-schema.ts';
import type { Schema } from '../../../schemas/schema.ts';
import { tableTopic } from '../../../schemas/topic.ts';
import type { Topic } from '../../../schemas/topic.ts';
import type { EventTimes } from './generator.ts';
import { GRACE_MS, TUMBLE_MS, bidCounts, openBids } from './queries.ts';
import { type IdKey, type WindowKey, bidSchema, idKeySchema, windowKeySchema } from './schemas.ts';
import { PARTITIONS, auctions, bids, persons } from './topics.ts';

const record = <T>(name: string, fields: Readonly<Record<keyof T & string, AvroSchema>>): Schema<T> => ({
  avro: {
    type: 'record',
    name,
    namespace: 'nexmark',
    fields: Object.entries<AvroSchema>(fields).map(([field, type]) => ({ name: field, type })),
  },
});

/** Of whole numbers: an average is their quotient. */
export interface Mean {
  readonly sum: bigint;
  readonly count: bigint;
}
export const meanPrices: Topic<IdKey, Mean> = tableTopic(
  'mean_prices',
  idKeySchema,
  record<Mean>('Mean', { sum: 'long', count: 'long' }),
  PARTITIONS,
);

/** q4: the mean of the winning prices of each category, of the bids so far. */
export const q4 = (rate: Pick<EventTimes, 'eventsPerSecond'>): Topology =>
  topology('q4', (builder) => {
    interface Winner {
      readonly category: number;
      readonly price: bigint;
    }
    openBids(builder, rate)
      .aggregate('winners', record<Winner>('Winner', { category: 'int', price: 'long' }), {
        initial: (): Winner => ({ category: 0, price: 0n }),
        add: (winner, { category, price }) => (price > winner.price ? { category, price } : winner),
      })
      .groupBy('by-category', idKeySchema, ({ category }) => ({ id: BigInt(category) }))
      .aggregate('means', { avro: meanPrices.value } as Schema<Mean>, {
        initial: () => ({ sum: 0n, count: 0n }),
        add: ({ sum, count }, { price }) => ({ sum: sum + price, count: count + 1n }),
        subtract: ({ sum, count }, { price }) => ({ sum: sum - price, count: count - 1n }),
      })
      .to(meanPrices);
  });

export interface Hottest {
  readonly bids: bigint;
  readonly auctions: readonly bigint[];
}
const hottestSchema = record<Hottest>('Hottest', {
  bids: 'long',
  auctions: { type: 'array', items: 'long' },
});
export const hottestAuctions: Topic<IdKey, Hottest> = tableTopic(
  'hottest_auctions',
  idKeySchema,
  hottestSchema,
  PARTITIONS,
);

/** q5: the auctions with the most bids of each window, all of them where several have as many. */
export const q5 = topology('q5', (builder) => {
  const counts = bidCounts(builder)
    .mapValues((count, { id }) => ({ count, auction: id }))
    .as(record<{ count: bigint; auction: bigint }>('AuctionCount', { count: 'long', auction: 'long' }));
  // Whoever reads only the value cannot know the window: the selector takes it from the key.
  counts
    .repartition('by-window', idKeySchema, (_, { window_start }) => ({ id: window_start }))
    .aggregate('hottest', hottestSchema, {
      initial: () => ({ bids: 0n, auctions: [] as readonly bigint[] }),
      add(top, { count, auction }) {
        if (count < top.bids) return top;
        return { bids: count, auctions: count === top.bids ? [...top.auctions, auction] : [auction] };
      },
    })
    .to(hottestAuctions);
});

export interface HighBid {
  readonly auction: bigint;
  readonly bidder: bigint;
  readonly price: bigint;
}
interface PriceInWindow {
  readonly window_start: bigint;
  readonly price: bigint;
}
const priceKey = record<PriceInWindow>('PriceInWindow', { window_start: 'long', price: 'long' });
export const highBids: Topic<PriceInWindow, HighBid> = {
  name: 'high_bids',
  kind: 'stream',
  key: priceKey.avro,
  value: record<HighBid>('HighBid', { auction: 'long', bidder: 'long', price: 'long' }).avro,
  partitions: PARTITIONS,
};

/** q7: the bids with the highest price of each window. An event at the edge of two windows is in the later one alone. */
export const q7 = topology('q7', (builder) => {
  const size = BigInt(TUMBLE_MS);
  const all = builder.stream(bids);
  const highest = all
    .repartition('together', idKeySchema, () => ({ id: 0n }))
    .windowedBy({ tumbling: TUMBLE_MS }, { grace: GRACE_MS })
    .aggregate('highest-of-all', { avro: 'long' } as Schema<bigint>, {
      initial: () => 0n,
      add: (highest, { price }) => (price > highest ? price : highest),
    })
    .mapValues((price, { window_start }) => ({ window_start, price }))
    .as(priceKey)
    .repartition('highest-by-price', priceKey, (price) => price);
  all
    .as(bidSchema)
    .repartition('bids-by-price', priceKey, ({ date_time, price }) => ({
      window_start: date_time - (date_time % size),
      price,
    }))
    .join(
      'high-bids',
      highest,
      { within: TUMBLE_MS, grace: 2 * TUMBLE_MS + GRACE_MS },
      ({ auction, bidder, price }) => ({ auction, bidder, price }),
    )
    .to(highBids);
});

export interface NewSeller {
  readonly name: string;
}
export const newSellers: Topic<WindowKey, NewSeller> = tableTopic(
  'new_sellers',
  windowKeySchema,
  record<NewSeller>('NewSeller', { name: 'string' }),
  PARTITIONS,
);

/** q8: who has registered and sold something in the same window. */
export const q8 = topology('q8', (builder) => {
  const options = { grace: GRACE_MS, emit: 'on-update' } as const;
  const registered = builder
    .stream(persons)
    .windowedBy({ tumbling: TUMBLE_MS }, options)
    .aggregate('registered', { avro: newSellers.value } as Schema<NewSeller>, {
      initial: () => ({ name: '' }),
      add: (_, { name }) => ({ name }),
    });
  const selling = builder
    .stream(auctions)
    .repartition('by-seller', keyOf(persons), ({ seller }) => ({ id: seller }))
    .windowedBy({ tumbling: TUMBLE_MS }, options)
    .count('auctions-of-seller');
  registered.join('new-sellers', selling, (person) => person).to(newSellers);
});
