import type { Windowed } from '../../../processors/engine/windowed-key.ts';
import { tableTopic } from '../../../schemas/topic.ts';
import {
  type Customer,
  PARTITIONS,
  type Who,
  customerKey,
  orderKey,
  record,
  streamTopic,
  who,
} from './topics.ts';

type Shop = { readonly shop: string };
type Region = { readonly region: string };

const MILLIS = { type: 'long', logicalType: 'timestamp-millis' } as const;

/** A request with one of its answers, or with null when it got none in time. */
export const pair = record<{
  readonly request: bigint;
  readonly answer: bigint | null;
  readonly amount: bigint;
}>('Pair', { request: 'long', answer: ['null', 'long'], amount: 'long' });

export const pairSums = record<{
  readonly pairs: bigint;
  readonly alone: bigint;
  readonly checksum: bigint;
}>('PairSums', { pairs: 'long', alone: 'long', checksum: 'long' });

export const sums = record<{ readonly count: bigint; readonly sum: bigint }>('Sums', {
  count: 'long',
  sum: 'long',
});

const windowed = record<Windowed<Who>>('WhoWindowed', {
  who: 'string',
  window_start: MILLIS,
  window_end: MILLIS,
});

const account = record<Customer & { readonly balance: bigint | null }>('CustomerAccount', {
  region: 'string',
  credit: 'long',
  balance: ['null', 'long'],
});

const visitor = record<{
  readonly id: bigint;
  readonly region: string | null;
  readonly credit: bigint | null;
}>('Visitor', { id: 'long', region: ['null', 'string'], credit: ['null', 'long'] });

const namedOrder = record<{
  readonly amount: bigint;
  readonly region: string | null;
  readonly credit: bigint | null;
}>('NamedOrder', { amount: 'long', region: ['null', 'string'], credit: ['null', 'long'] });

/** What a pipeline of that name writes. */
export const outputsOf = (pipeline: string) =>
  ({
    answered: streamTopic(`${pipeline}.answered`, who, pair),
    answeredWindows: streamTopic(`${pipeline}.answered-windows`, windowed, pairSums),
    requestWindows: streamTopic(`${pipeline}.request-windows`, windowed, sums),
    shopSums: tableTopic(
      `${pipeline}.shop-sums`,
      record<Shop>('ShopKey', { shop: 'string' }),
      sums,
      PARTITIONS,
    ),
    regionSums: tableTopic(
      `${pipeline}.region-sums`,
      record<Region>('RegionKey', { region: 'string' }),
      sums,
      PARTITIONS,
    ),
    customerAccounts: tableTopic(`${pipeline}.customer-accounts`, customerKey, account, PARTITIONS),
    visitors: streamTopic(`${pipeline}.visitors`, customerKey, visitor),
    ordersInner: tableTopic(`${pipeline}.orders-inner`, orderKey, namedOrder, PARTITIONS),
    ordersLeft: tableTopic(`${pipeline}.orders-left`, orderKey, namedOrder, PARTITIONS),
  }) as const;

export type OutputName = keyof ReturnType<typeof outputsOf>;
