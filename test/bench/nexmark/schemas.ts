import type { AvroField, AvroRecord, AvroSchema } from '../../../schemas/avro-schema.ts';
import type { Schema } from '../../../schemas/schema.ts';

const MILLIS = { type: 'long', logicalType: 'timestamp-millis' } as const;

function record(name: string, fields: Readonly<Record<string, AvroSchema>>): AvroRecord {
  const list = Object.entries(fields).map(([field, type]): AvroField => ({ name: field, type }));
  return { type: 'record', name, namespace: 'nexmark', fields: list };
}

/** Of persons and auctions their own id, of bids the auction's: what is joined by auction needs no repartition. */
export interface IdKey {
  readonly id: bigint;
}

export const idKeySchema: Schema<IdKey> = { avro: record('Key', { id: 'long' }) };

/** Times are milliseconds since the Unix epoch. */
export interface Person {
  readonly id: bigint;
  readonly name: string;
  readonly email_address: string;
  readonly credit_card: string;
  readonly city: string;
  readonly state: string;
  readonly date_time: bigint;
  readonly extra: string;
}

export const personSchema: Schema<Person> = {
  avro: record('Person', {
    id: 'long',
    name: 'string',
    email_address: 'string',
    credit_card: 'string',
    city: 'string',
    state: 'string',
    date_time: MILLIS,
    extra: 'string',
  }),
};

export interface Auction {
  readonly id: bigint;
  readonly item_name: string;
  readonly description: string;
  readonly initial_bid: bigint;
  readonly reserve: bigint;
  readonly date_time: bigint;
  readonly expires: bigint;
  readonly seller: bigint;
  readonly category: number;
  readonly extra: string;
}

export const auctionSchema: Schema<Auction> = {
  avro: record('Auction', {
    id: 'long',
    item_name: 'string',
    description: 'string',
    initial_bid: 'long',
    reserve: 'long',
    date_time: MILLIS,
    expires: MILLIS,
    seller: 'long',
    category: 'int',
    extra: 'string',
  }),
};

export interface Bid {
  readonly auction: bigint;
  readonly bidder: bigint;
  readonly price: bigint;
  readonly channel: string;
  readonly url: string;
  readonly date_time: bigint;
  readonly extra: string;
}

export const bidSchema: Schema<Bid> = {
  avro: record('Bid', {
    auction: 'long',
    bidder: 'long',
    price: 'long',
    channel: 'string',
    url: 'string',
    date_time: MILLIS,
    extra: 'string',
  }),
};

/** A bid that was made while its auction was open. */
export interface OpenBid {
  readonly auction: bigint;
  readonly category: number;
  readonly bidder: bigint;
  readonly price: bigint;
  readonly date_time: bigint;
  readonly opened: bigint;
  readonly expires: bigint;
}

export const openBidSchema: Schema<OpenBid> = {
  avro: record('OpenBid', {
    auction: 'long',
    category: 'int',
    bidder: 'long',
    price: 'long',
    date_time: MILLIS,
    opened: MILLIS,
    expires: MILLIS,
  }),
};

/** A bid with what is known of its auction (q20). */
export interface EnrichedBid {
  readonly auction: bigint;
  readonly bidder: bigint;
  readonly price: bigint;
  readonly channel: string;
  readonly url: string;
  readonly date_time: bigint;
  readonly item_name: string;
  readonly description: string;
  readonly initial_bid: bigint;
  readonly reserve: bigint;
  readonly opened: bigint;
  readonly expires: bigint;
  readonly seller: bigint;
  readonly category: number;
}

export const enrichedBidSchema: Schema<EnrichedBid> = {
  avro: record('EnrichedBid', {
    auction: 'long',
    bidder: 'long',
    price: 'long',
    channel: 'string',
    url: 'string',
    date_time: MILLIS,
    item_name: 'string',
    description: 'string',
    initial_bid: 'long',
    reserve: 'long',
    opened: MILLIS,
    expires: MILLIS,
    seller: 'long',
    category: 'int',
  }),
};

/** The key of a window's result. */
export interface WindowKey extends IdKey {
  readonly window_start: bigint;
  readonly window_end: bigint;
}

export const windowKeySchema: Schema<WindowKey> = {
  avro: record('KeyWindowed', { id: 'long', window_start: MILLIS, window_end: MILLIS }),
};

/** What was counted, or the highest found, of one auction in one window. */
export interface WindowResult {
  readonly result: bigint;
}

export const windowResultSchema: Schema<WindowResult> = { avro: record('WindowResult', { result: 'long' }) };

/** Who sells in some states (q3), with the times of both rows, of which the later one is the result's cause. */
export interface LocalItem {
  readonly name: string;
  readonly city: string;
  readonly state: string;
  readonly auction: bigint;
  readonly opened: bigint;
  readonly registered: bigint;
}

export const localItemSchema: Schema<LocalItem> = {
  avro: record('LocalItem', {
    name: 'string',
    city: 'string',
    state: 'string',
    auction: 'long',
    opened: MILLIS,
    registered: MILLIS,
  }),
};
