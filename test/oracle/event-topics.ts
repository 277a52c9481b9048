import type { AvroField, AvroSchema } from '../../schemas/avro-schema.ts';
import type { Schema } from '../../schemas/schema.ts';
import { type Topic, streamTopic, tableTopic } from '../../schemas/topic.ts';

export const PARTITIONS = 4;

type Id = { readonly id: bigint };
export type VisitorKey = { readonly visitor: bigint };
export type PairKey = { readonly click: bigint; readonly buy: bigint };
type CustomerKey = { readonly customer: bigint };
type Window = { readonly window_start: bigint; readonly window_end: bigint };

/** Fields of a source's topic may be null: what a column is declared to be is the source's to say. */
export interface Click {
  readonly id: bigint;
  readonly visitor: bigint | null;
  /** Event time, milliseconds. */
  readonly at: bigint | null;
}
export interface Buy extends Click {
  readonly amount: bigint | null;
}
export interface Order {
  readonly customer: bigint | null;
  readonly amount: bigint | null;
}
export interface Customer {
  readonly name: string | null;
  readonly tier: string | null;
}
export interface Totals {
  readonly lines: bigint;
  readonly amount: bigint;
}

function record<T>(namespace: string, name: string, fields: Readonly<Record<string, AvroSchema>>): Schema<T> {
  const named = Object.entries(fields).map(([field, type]): AvroField =>
    Array.isArray(type) ? { name: field, type, default: null } : { name: field, type },
  );
  return { avro: { type: 'record', name, namespace, fields: named } };
}

const maybe = (type: AvroSchema): AvroSchema => ['null', type];
const MILLIS = { type: 'long', logicalType: 'timestamp-millis' } as const;

/** A table of the source: the topic of its changes, and what is read of it. */
function source<K, V>(
  table: string,
  key: Readonly<Record<string, AvroSchema>>,
  value: Readonly<Record<string, AvroSchema>>,
): readonly [name: string, key: Schema<K>, value: Schema<V>, partitions: number] {
  const name = `public.${table}`;
  return [name, record<K>(name, 'Key', key), record<V>(name, 'Value', value), PARTITIONS];
}

function result<K, V>(
  name: string,
  key: Readonly<Record<string, AvroSchema>>,
  value: Readonly<Record<string, AvroSchema>>,
): Topic<K, V> {
  const namespace = `oracle.${name}`;
  return tableTopic(name, record<K>(namespace, 'Key', key), record<V>(namespace, 'Value', value), PARTITIONS);
}

const id = { id: 'long' } as const;

/** What the source writes. */
export const inputs = {
  clicks: streamTopic(
    ...source<Id, Click>('clicks', id, { ...id, visitor: maybe('long'), at: maybe('long') }),
  ),
  buys: streamTopic(
    ...source<Id, Buy>('buys', id, {
      ...id,
      visitor: maybe('long'),
      at: maybe('long'),
      amount: maybe('long'),
    }),
  ),
  profiles: tableTopic(
    ...source<VisitorKey, { readonly plan: string | null }>(
      'profiles',
      { visitor: 'long' },
      { plan: maybe('string') },
    ),
  ),
  customers: tableTopic(
    ...source<Id, Customer>('customers', id, { name: maybe('string'), tier: maybe('string') }),
  ),
  orders: tableTopic(...source<Id, Order>('orders', id, { customer: maybe('long'), amount: maybe('long') })),
} as const;

/** What the pipelines make of them. */
export const outputs = {
  ordersDenorm: result<Id, Order & Customer>('orders_denorm', id, {
    customer: maybe('long'),
    amount: maybe('long'),
    name: maybe('string'),
    tier: maybe('string'),
  }),
  customerTotals: result<CustomerKey, Totals>(
    'customer_totals',
    { customer: 'long' },
    { lines: 'long', amount: 'long' },
  ),
  clickPlans: result<Id, { readonly visitor: bigint; readonly plan: string | null }>('click_plans', id, {
    visitor: 'long',
    plan: maybe('string'),
  }),
  clickBuys: result<PairKey, { readonly after: bigint; readonly amount: bigint }>(
    'click_buys',
    { click: 'long', buy: 'long' },
    { after: 'long', amount: 'long' },
  ),
  visits: result<VisitorKey & Window, { readonly clicks: bigint }>(
    'visits',
    { visitor: 'long', window_start: MILLIS, window_end: MILLIS },
    { clicks: 'long' },
  ),
  sales: result<VisitorKey & Window, Totals>(
    'sales',
    { visitor: 'long', window_start: MILLIS, window_end: MILLIS },
    { lines: 'long', amount: 'long' },
  ),
  visitsTold: result<VisitorKey & Window, { readonly times: bigint }>(
    'visits_told',
    { visitor: 'long', window_start: MILLIS, window_end: MILLIS },
    { times: 'long' },
  ),
  salesTold: result<VisitorKey & Window, { readonly times: bigint }>(
    'sales_told',
    { visitor: 'long', window_start: MILLIS, window_end: MILLIS },
    { times: 'long' },
  ),
} as const;

/** What goes through repartitions. */
export const clicked = record<{
  readonly visitor: bigint;
  readonly plan: string | null;
  readonly click: bigint;
}>('oracle.events', 'Clicked', { visitor: 'long', plan: maybe('string'), click: 'long' });
export const paired = record<{
  readonly click: bigint;
  readonly buy: bigint;
  readonly after: bigint;
  readonly amount: bigint;
}>('oracle.events', 'Paired', { click: 'long', buy: 'long', after: 'long', amount: 'long' });
export const totals = record<Totals>('oracle.events', 'Totals', { lines: 'long', amount: 'long' });
export const clickCount = record<{ readonly clicks: bigint }>('oracle.events', 'ClickCount', {
  clicks: 'long',
});
export const visitorKey: Schema<VisitorKey> = { avro: inputs.profiles.key };
export const pairKey: Schema<PairKey> = { avro: outputs.clickBuys.key };
export const customerKey: Schema<CustomerKey> = { avro: outputs.customerTotals.key };
export const clickKey: Schema<Id> = { avro: outputs.clickPlans.key };
