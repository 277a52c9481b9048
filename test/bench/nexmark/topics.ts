import type { Schema } from '../../../schemas/schema.ts';
import type { Topic } from '../../../schemas/topic.ts';
import * as schema from './schemas.ts';
import type { IdKey } from './schemas.ts';

/** Of every topic of the bench. */
export const PARTITIONS = 4;

/** Events: nothing is compacted away, so that what comes out can be counted. */
export function eventTopic<K, V>(name: string, key: Schema<K>, value: Schema<V>): Topic<K, V> {
  return { name, kind: 'stream', key: key.avro, value: value.avro, partitions: PARTITIONS };
}

export const persons: Topic<IdKey, schema.Person> = eventTopic(
  'persons',
  schema.idKeySchema,
  schema.personSchema,
);
export const auctions: Topic<IdKey, schema.Auction> = eventTopic(
  'auctions',
  schema.idKeySchema,
  schema.auctionSchema,
);
export const bids: Topic<IdKey, schema.Bid> = eventTopic('bids', schema.idKeySchema, schema.bidSchema);
