import type { AvroField, AvroSchema } from '../../../schemas/avro-schema.ts';
import type { Schema } from '../../../schemas/schema.ts';
import { type Topic, tableTopic } from '../../../schemas/topic.ts';

export const PARTITIONS = 6;

/** Something that somebody asked, or answered. */
export interface Event {
  readonly id: bigint;
  /** Event time, milliseconds. */
  readonly at: bigint;
  readonly amount: bigint;
  readonly shop: string;
}

export interface Order {
  /** Null: of nobody. */
  readonly customer: string | null;
  readonly amount: bigint;
}

export interface Customer {
  readonly region: string;
  readonly credit: bigint;
}

export type Who = { readonly who: string };
export type CustomerKey = { readonly customer: string };
type OrderKey = { readonly order: string };

export function record<T>(name: string, fields: Readonly<Record<string, AvroSchema>>): Schema<T> {
  const named = Object.entries(fields).map(([field, type]): AvroField => ({ name: field, type }));
  return { avro: { type: 'record', name, namespace: 'chaos', fields: named } };
}

export function streamTopic<K, V>(name: string, key: Schema<K>, value: Schema<V>): Topic<K, V> {
  return { ...tableTopic(name, key, value, PARTITIONS), kind: 'stream' };
}

export const who = record<Who>('Who', { who: 'string' });
export const customerKey = record<CustomerKey>('CustomerKey', { customer: 'string' });
const event = record<Event>('Event', { id: 'long', at: 'long', amount: 'long', shop: 'string' });

export const orderKey = record<OrderKey>('OrderKey', { order: 'string' });

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
  orders: tableTopic(
    'orders',
    orderKey,
    record<Order>('Order', { customer: ['null', 'string'], amount: 'long' }),
    PARTITIONS,
  ),
} as const;

export type InputName = keyof typeof inputs;
