import type { Schema } from './schema.ts';
import * as schema from './superstore/generated.ts';
import { type Topic, streamTopic, tableTopic } from './topic.ts';

const PARTITIONS = 4;

/** Payloads of events, as the source's outbox writes them. */
const text: Schema<string> = { avro: 'string' };

/**
 * The catalogue of the superstore: every topic that a pipeline reads or writes. `public.*` topics carry the rows of
 * the source's tables; their value schemas are what pipelines read of them, a subset of what the source writes.
 */
export const topics = {
  customers: tableTopic('public.customers', schema.customerKeySchema, schema.customerSchema, PARTITIONS),
  orders: tableTopic('public.orders', schema.orderKeySchema, schema.orderSchema, PARTITIONS),
  orderLines: tableTopic('public.order_lines', schema.orderLineKeySchema, schema.orderLineSchema, PARTITIONS),
  shipments: tableTopic('public.shipments', schema.shipmentKeySchema, schema.shipmentSchema, PARTITIONS),
  /** The topic of {@link topics.orderLines}, read for what happened to a line as well. */
  sales: tableTopic('public.order_lines', schema.orderLineKeySchema, schema.saleSchema, PARTITIONS),
  /** Events of the outbox's aggregate type `cart`: the cart's id, and the event as JSON. */
  cartEvents: streamTopic('outbox.event.cart', schema.cartKeySchema, text, PARTITIONS),
  orderFulfilment: tableTopic(
    'order_fulfilment',
    schema.fulfilmentKeySchema,
    schema.fulfilmentSchema,
    PARTITIONS,
  ),
  customerRevenue: tableTopic(
    'customer_revenue',
    schema.customerRevenueKeySchema,
    schema.customerRevenueSchema,
    PARTITIONS,
  ),
  orderShipping: tableTopic(
    'order_shipping',
    schema.orderShippingKeySchema,
    schema.orderShippingSchema,
    PARTITIONS,
  ),
  orderCustomer: tableTopic(
    'order_customer',
    schema.orderCustomerKeySchema,
    schema.orderCustomerSchema,
    PARTITIONS,
  ),
  ordersDenorm: tableTopic(
    'orders_denorm',
    schema.orderDenormKeySchema,
    schema.orderDenormSchema,
    PARTITIONS,
  ),
  revenuePerHour: tableTopic(
    'revenue_per_hour',
    schema.revenuePerHourKeySchema,
    schema.revenuePerHourSchema,
    PARTITIONS,
  ),
  customerSessions: tableTopic(
    'customer_sessions',
    schema.customerSessionKeySchema,
    schema.customerSessionSchema,
    PARTITIONS,
  ),
  carts: tableTopic('carts', schema.cartKeySchema, schema.cartSchema, PARTITIONS),
} as const;

/**
 * Those that the source writes and registers: the schemas here are what is read of them. The schemas of the others are
 * contracts of our own.
 */
export const sourceTopics: readonly Topic<unknown, unknown>[] = [
  topics.customers,
  topics.orders,
  topics.orderLines,
  topics.shipments,
  topics.sales,
  topics.cartEvents,
];
