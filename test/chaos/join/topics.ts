import type { AvroField, AvroSchema } from '../../../schemas/avro-schema.ts';
import type { Schema } from '../../../schemas/schema.ts';
import { type Topic, tableTopic } from '../../../schemas/topic.ts';
import type { Windowed } from '../../../processors/engine/windowed-key.ts';

export const PARTITIONS = 6;

/** Something that somebody asked, or answered. */
export interface Event {
  readonly id: bigint;
  /** Event time, milliseconds. */
  readonly at: bigint;
  readonly amount: bigint;
  readonly shop: string;
}

export interface Customer {
  readonly region: string;
  readonly credit: bigint;
}

type Who = { readonly who: string };
type CustomerKey = { readonly customer: string };
type Shop = { readonly shop: string };
type Region = { readonly region: string };

const MILLIS = { type: 'long', logicalType: 'timestamp-millis' } as const;

function record<T>(name: string, fields: Readonly<Record<string, AvroSchema>>): Schema<T> {
  const named = Object.entries(fields).map(([field, type]): AvroField => ({ name: field, type }));
  return { avro: { type: 'record', name, namespace: 'chaos', fields: named } };
}

function streamTopic<K, V>(name: string, key: Schema<K>, value: Schema<V>): Topic<K, V> {
  return { ...tableTopic(name, key, value, PARTITIONS), kind: 'stream' };
}

const who = record<Who>('Who', { who: 'string' });
const customerKey = record<CustomerKey>('CustomerKey', { customer: 'string' });
const event = record<Event>('Event', { id: 'long', at: 'long', amount: 'long', shop: 'string' });

/** What the writer writes. */
export const inputs = {
  requests: streamTopic('requests', who, event),
  answers: streamTopic('answers', who, event),
  visits: streamTopic('visits', customerKey, record<{ readonly id: bigint }>('Visit', { id: 'long' })),
  customers: tableTopic(
    'customers',
    customerKey,
    record<Customer>('Customer', { region: 'string', credit: 'long' }),
    PARTITIONS,
  ),
  accounts: tableTopic(
    'accounts',
    customerKey,
    record<{ readonly balance: bigint }>('Account', { balance: 'long' }),
    PARTITIONS,
  ),
} as const;

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
  }) as const;

export type InputName = keyof typeof inputs;
export type OutputName = keyof ReturnType<typeof outputsOf>;
