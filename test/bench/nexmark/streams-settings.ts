import type { Stack } from '../../../infra/local/stack.ts';
import { topicName } from '../../../schemas/topic.ts';
import { auctionMsMax } from './generator.ts';
import { CATEGORY, GRACE_MS, HOP, STATES, TUMBLE_MS } from './queries.ts';
import type { SystemRequest } from './system.ts';
import { auctions, bids, persons } from './topics.ts';

/**
 * What the Kafka Streams program is told: the query in numbers, and under `streams.` its configuration. Everything that
 * is not here is Kafka Streams' default: RocksDB, a commit every 100 ms under exactly_once_v2, one thread.
 */
export function streamsSettings(
  stack: Stack,
  { query, prefix, name, compression, eventsPerSecond }: SystemRequest,
  result: string,
  stateFolder: string,
): Record<string, string> {
  return {
    query,
    result,
    persons: topicName(prefix, persons),
    auctions: topicName(prefix, auctions),
    bids: topicName(prefix, bids),
    category: String(CATEGORY),
    states: STATES.join(),
    'registry.url': stack.registryUrl,
    'grace.ms': String(GRACE_MS),
    'auction.ms': String(auctionMsMax({ baseMs: 0, eventsPerSecond })),
    'hop.size.ms': String(HOP.sizeMs),
    'hop.advance.ms': String(HOP.advanceMs),
    'tumble.ms': String(TUMBLE_MS),
    'streams.application.id': `${prefix}-${name}`,
    'streams.bootstrap.servers': stack.kafkaBrokers,
    'streams.processing.guarantee': 'exactly_once_v2',
    'streams.state.dir': stateFolder,
    'streams.compression.type': compression,
  };
}
