import * as schema from './superstore/generated.ts';
import { tableTopic } from './topic.ts';

const PARTITIONS = 4;

/**
 * The catalogue of the superstore: every topic that a pipeline reads or writes. `public.*` topics carry the rows of
 * the source's tables; their value schemas are what pipelines read of them, a subset of what the source writes.
 */
export const topics = {
  customers: tableTopic('public.customers', schema.customerKeySchema, schema.customerSchema, PARTITIONS),
  orders: tableTopic('public.orders', schema.orderKeySchema, schema.orderSchema, PARTITIONS),
  orderLines: tableTopic('public.order_lines', schema.orderLineKeySchema, schema.orderLineSchema, PARTITIONS),
  shipments: tableTopic('public.shipments', schema.shipmentKeySchema, schema.shipmentSchema, PARTITIONS),
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
} as const;
