// Generated from the .avsc files in this folder by `npm run schemas:types`. Do not edit.
import type { Decimal } from '../decimal.ts';
import type { Key } from '../key.ts';
import type { Schema } from '../schema.ts';
import type { EpochDays, TimestampMillis } from '../time-units.ts';

export type CartKey = Key<'outbox.cart', string>;

export const cartKeySchema: Schema<CartKey> = { avro: "string" };

/** A cart as its events have made it. */
export interface Cart {
  readonly customer_id: string | null;
  /** open or checked_out. */
  readonly status: string;
  /** By product. */
  readonly quantities: Readonly<Record<string, number>>;
  /** Events that this state is made of. */
  readonly events: number;
  /** Those among them that this version does not know or cannot read. */
  readonly unread: number;
}

export const cartSchema: Schema<Cart> = { avro: {"type":"record","name":"Value","namespace":"superstore.carts","doc":"A cart as its events have made it.","fields":[{"name":"customer_id","type":["null","string"],"default":null},{"name":"status","type":"string","doc":"open or checked_out."},{"name":"quantities","type":{"type":"map","values":"int"},"doc":"By product."},{"name":"events","type":"int","doc":"Events that this state is made of."},{"name":"unread","type":"int","doc":"Those among them that this version does not know or cannot read."}]} };

/** Key of the customers table. */
export interface CustomerKey extends Key<'public.customers.Key'> {
  readonly customer_id: string;
}

export const customerKeySchema: Schema<CustomerKey> = { avro: {"type":"record","name":"Key","namespace":"public.customers","doc":"Key of the customers table.","fields":[{"name":"customer_id","type":"string"}]} };

/** One row per customer with at least one order line. */
export interface CustomerRevenueKey extends Key<'public.customers.Key'> {
  readonly customer_id: string;
}

export const customerRevenueKeySchema: Schema<CustomerRevenueKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.customer_revenue","doc":"One row per customer with at least one order line.","fields":[{"name":"customer_id","type":"string"}]} };

/** What a customer has bought so far. */
export interface CustomerRevenue {
  readonly customer_id: string;
  readonly name: string | null;
  readonly segment: string | null;
  readonly lines: number;
  readonly quantity: bigint;
  readonly revenue: Decimal;
  readonly profit: Decimal;
}

export const customerRevenueSchema: Schema<CustomerRevenue> = { avro: {"type":"record","name":"Value","namespace":"superstore.customer_revenue","doc":"What a customer has bought so far.","fields":[{"name":"customer_id","type":"string"},{"name":"name","type":["null","string"],"default":null},{"name":"segment","type":["null","string"],"default":null},{"name":"lines","type":"int"},{"name":"quantity","type":"long"},{"name":"revenue","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}},{"name":"profit","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}}]} };

/** One row per visit of a customer. */
export interface CustomerSessionKey extends Key<'public.customers.Key'> {
  readonly customer_id: string;
  readonly window_start: TimestampMillis;
  readonly window_end: TimestampMillis;
}

export const customerSessionKeySchema: Schema<CustomerSessionKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.customer_sessions","doc":"One row per visit of a customer.","fields":[{"name":"customer_id","type":"string"},{"name":"window_start","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"window_end","type":{"type":"long","logicalType":"timestamp-millis"}}]} };

/** A visit: purchases with less than half an hour from one to the next. */
export interface CustomerSession {
  readonly lines: number;
  readonly quantity: bigint;
  readonly revenue: Decimal;
}

export const customerSessionSchema: Schema<CustomerSession> = { avro: {"type":"record","name":"Value","namespace":"superstore.customer_sessions","doc":"A visit: purchases with less than half an hour from one to the next.","fields":[{"name":"lines","type":"int"},{"name":"quantity","type":"long"},{"name":"revenue","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}}]} };

/** What pipelines read of a customer. */
export interface Customer {
  readonly customer_id: string;
  readonly name: string | null;
  /** Consumer, Corporate or Home Office. */
  readonly segment: string | null;
}

export const customerSchema: Schema<Customer> = { avro: {"type":"record","name":"Value","namespace":"public.customers","doc":"What pipelines read of a customer.","fields":[{"name":"customer_id","type":"string"},{"name":"name","type":["null","string"],"default":null},{"name":"segment","type":["null","string"],"default":null,"doc":"Consumer, Corporate or Home Office."}]} };

/** One row per order that was shipped in time. */
export interface FulfilmentKey extends Key<'public.orders.Key'> {
  readonly order_id: string;
}

export const fulfilmentKeySchema: Schema<FulfilmentKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.order_fulfilment","doc":"One row per order that was shipped in time.","fields":[{"name":"order_id","type":"string"}]} };

/** An order with its shipment and its customer. */
export interface Fulfilment {
  readonly order_id: string;
  readonly order_date: EpochDays;
  readonly ship_date: EpochDays;
  readonly days_to_ship: number;
  readonly ship_mode: string | null;
  readonly customer_id: string | null;
  /** The customer's name when the order was joined. */
  readonly customer_name: string | null;
  readonly segment: string | null;
  readonly region: string | null;
}

export const fulfilmentSchema: Schema<Fulfilment> = { avro: {"type":"record","name":"Value","namespace":"superstore.order_fulfilment","doc":"An order with its shipment and its customer.","fields":[{"name":"order_id","type":"string"},{"name":"order_date","type":{"type":"int","logicalType":"date"}},{"name":"ship_date","type":{"type":"int","logicalType":"date"}},{"name":"days_to_ship","type":"int"},{"name":"ship_mode","type":["null","string"],"default":null},{"name":"customer_id","type":["null","string"],"default":null},{"name":"customer_name","type":["null","string"],"default":null,"doc":"The customer's name when the order was joined."},{"name":"segment","type":["null","string"],"default":null},{"name":"region","type":["null","string"],"default":null}]} };

/** One row per order of a customer. */
export interface OrderCustomerKey extends Key<'public.orders.Key'> {
  readonly order_id: string;
}

export const orderCustomerKeySchema: Schema<OrderCustomerKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.order_customer","doc":"One row per order of a customer.","fields":[{"name":"order_id","type":"string"}]} };

/** An order with its customer as of the order, and the newest. */
export interface OrderCustomer {
  readonly order_id: string;
  readonly customer_id: string;
  /** The customer's name when the order was committed. */
  readonly name_then: string | null;
  /** The newest name that was read before the order. */
  readonly name_now: string | null;
  readonly segment_then: string | null;
  readonly segment_now: string | null;
}

export const orderCustomerSchema: Schema<OrderCustomer> = { avro: {"type":"record","name":"Value","namespace":"superstore.order_customer","doc":"An order with its customer as of the order, and the newest.","fields":[{"name":"order_id","type":"string"},{"name":"customer_id","type":"string"},{"name":"name_then","type":["null","string"],"default":null,"doc":"The customer's name when the order was committed."},{"name":"name_now","type":["null","string"],"default":null,"doc":"The newest name that was read before the order."},{"name":"segment_then","type":["null","string"],"default":null},{"name":"segment_now","type":["null","string"],"default":null}]} };

/** One row per order whose customer exists. */
export interface OrderDenormKey extends Key<'public.orders.Key'> {
  readonly order_id: string;
}

export const orderDenormKeySchema: Schema<OrderDenormKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.orders_denorm","doc":"One row per order whose customer exists.","fields":[{"name":"order_id","type":"string"}]} };

/** An order with its customer, both as they are now. */
export interface OrderDenorm {
  readonly order_id: string;
  readonly order_date: EpochDays | null;
  readonly region: string | null;
  readonly customer_id: string | null;
  readonly customer_name: string | null;
  readonly segment: string | null;
}

export const orderDenormSchema: Schema<OrderDenorm> = { avro: {"type":"record","name":"Value","namespace":"superstore.orders_denorm","doc":"An order with its customer, both as they are now.","fields":[{"name":"order_id","type":"string"},{"name":"order_date","type":["null",{"type":"int","logicalType":"date"}],"default":null},{"name":"region","type":["null","string"],"default":null},{"name":"customer_id","type":["null","string"],"default":null},{"name":"customer_name","type":["null","string"],"default":null},{"name":"segment","type":["null","string"],"default":null}]} };

/** Key of the orders table. */
export interface OrderKey extends Key<'public.orders.Key'> {
  readonly order_id: string;
}

export const orderKeySchema: Schema<OrderKey> = { avro: {"type":"record","name":"Key","namespace":"public.orders","doc":"Key of the orders table.","fields":[{"name":"order_id","type":"string"}]} };

/** Key of the order_lines table. */
export interface OrderLineKey extends Key<'public.order_lines.Key'> {
  readonly line_id: number;
}

export const orderLineKeySchema: Schema<OrderLineKey> = { avro: {"type":"record","name":"Key","namespace":"public.order_lines","doc":"Key of the order_lines table.","fields":[{"name":"line_id","type":"int"}]} };

/** What pipelines read of an order line. */
export interface OrderLine {
  readonly line_id: number;
  readonly order_id: string | null;
  readonly customer_id: string | null;
  readonly quantity: number | null;
  /** What the customer paid for the line. */
  readonly sales: Decimal | null;
  readonly profit: Decimal | null;
}

export const orderLineSchema: Schema<OrderLine> = { avro: {"type":"record","name":"Value","namespace":"public.order_lines","doc":"What pipelines read of an order line.","fields":[{"name":"line_id","type":"int"},{"name":"order_id","type":["null","string"],"default":null},{"name":"customer_id","type":["null","string"],"default":null},{"name":"quantity","type":["null","int"],"default":null},{"name":"sales","type":["null",{"type":"bytes","logicalType":"decimal","precision":12,"scale":4}],"default":null,"doc":"What the customer paid for the line."},{"name":"profit","type":["null",{"type":"bytes","logicalType":"decimal","precision":12,"scale":4}],"default":null}]} };

/** One row per order, shipped or not. */
export interface OrderShippingKey extends Key<'public.orders.Key'> {
  readonly order_id: string;
}

export const orderShippingKeySchema: Schema<OrderShippingKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.order_shipping","doc":"One row per order, shipped or not.","fields":[{"name":"order_id","type":"string"}]} };

/** An order with the shipment that followed within seven days, or without one. */
export interface OrderShipping {
  readonly order_id: string;
  readonly order_date: EpochDays | null;
  /** Null: the seven days are over and nothing was shipped. */
  readonly ship_date: EpochDays | null;
  readonly days_to_ship: number | null;
  readonly ship_mode: string | null;
  readonly customer_id: string | null;
  readonly region: string | null;
}

export const orderShippingSchema: Schema<OrderShipping> = { avro: {"type":"record","name":"Value","namespace":"superstore.order_shipping","doc":"An order with the shipment that followed within seven days, or without one.","fields":[{"name":"order_id","type":"string"},{"name":"order_date","type":["null",{"type":"int","logicalType":"date"}],"default":null},{"name":"ship_date","type":["null",{"type":"int","logicalType":"date"}],"default":null,"doc":"Null: the seven days are over and nothing was shipped."},{"name":"days_to_ship","type":["null","int"],"default":null},{"name":"ship_mode","type":["null","string"],"default":null},{"name":"customer_id","type":["null","string"],"default":null},{"name":"region","type":["null","string"],"default":null}]} };

/** What pipelines read of an order. */
export interface Order {
  readonly order_id: string;
  /** The event time of the order. */
  readonly order_date: EpochDays | null;
  readonly customer_id: string | null;
  readonly region: string | null;
}

export const orderSchema: Schema<Order> = { avro: {"type":"record","name":"Value","namespace":"public.orders","doc":"What pipelines read of an order.","fields":[{"name":"order_id","type":"string"},{"name":"order_date","type":["null",{"type":"int","logicalType":"date"}],"default":null,"doc":"The event time of the order."},{"name":"customer_id","type":["null","string"],"default":null},{"name":"region","type":["null","string"],"default":null}]} };

/** One row per segment and hour with sales. */
export interface RevenuePerHourKey extends Key<'superstore.segment.Key'> {
  readonly segment: string;
  readonly window_start: TimestampMillis;
  readonly window_end: TimestampMillis;
}

export const revenuePerHourKeySchema: Schema<RevenuePerHourKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.revenue_per_hour","doc":"One row per segment and hour with sales.","fields":[{"name":"segment","type":"string"},{"name":"window_start","type":{"type":"long","logicalType":"timestamp-millis"}},{"name":"window_end","type":{"type":"long","logicalType":"timestamp-millis"}}]} };

/** What one segment bought in one hour. */
export interface RevenuePerHour {
  readonly lines: number;
  readonly revenue: Decimal;
}

export const revenuePerHourSchema: Schema<RevenuePerHour> = { avro: {"type":"record","name":"Value","namespace":"superstore.revenue_per_hour","doc":"What one segment bought in one hour.","fields":[{"name":"lines","type":"int"},{"name":"revenue","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}}]} };

/** Sums over a customer's order lines. */
export interface Revenue {
  /** Order lines of the customer. */
  readonly lines: number;
  readonly quantity: bigint;
  readonly revenue: Decimal;
  readonly profit: Decimal;
}

export const revenueSchema: Schema<Revenue> = { avro: {"type":"record","name":"Revenue","namespace":"superstore.customer_revenue","doc":"Sums over a customer's order lines.","fields":[{"name":"lines","type":"int","doc":"Order lines of the customer."},{"name":"quantity","type":"long"},{"name":"revenue","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}},{"name":"profit","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}}]} };

/** An order line as an event: what pipelines that count sales read of it. */
export interface Sale {
  readonly line_id: number;
  readonly customer_id: string | null;
  readonly quantity: number | null;
  /** What the customer paid for the line. */
  readonly sales: Decimal | null;
  /** c insert, u update, r read by a snapshot. */
  readonly __op: string;
}

export const saleSchema: Schema<Sale> = { avro: {"type":"record","name":"Value","namespace":"public.order_lines","doc":"An order line as an event: what pipelines that count sales read of it.","fields":[{"name":"line_id","type":"int"},{"name":"customer_id","type":["null","string"],"default":null},{"name":"quantity","type":["null","int"],"default":null},{"name":"sales","type":["null",{"type":"bytes","logicalType":"decimal","precision":12,"scale":4}],"default":null,"doc":"What the customer paid for the line."},{"name":"__op","type":"string","default":"u","doc":"c insert, u update, r read by a snapshot."}]} };

/** A kind of customers. */
export interface SegmentKey extends Key<'superstore.segment.Key'> {
  readonly segment: string;
}

export const segmentKeySchema: Schema<SegmentKey> = { avro: {"type":"record","name":"Key","namespace":"superstore.segment","doc":"A kind of customers.","fields":[{"name":"segment","type":"string"}]} };

/** A sale in its customer's segment. */
export interface SegmentSale {
  readonly segment: string | null;
  readonly sales: Decimal;
}

export const segmentSaleSchema: Schema<SegmentSale> = { avro: {"type":"record","name":"SegmentSale","namespace":"superstore.revenue_per_hour","doc":"A sale in its customer's segment.","fields":[{"name":"segment","type":["null","string"],"default":null},{"name":"sales","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}}]} };

/** Key of the shipments table. */
export interface ShipmentKey extends Key<'public.orders.Key'> {
  readonly order_id: string;
}

export const shipmentKeySchema: Schema<ShipmentKey> = { avro: {"type":"record","name":"Key","namespace":"public.shipments","doc":"Key of the shipments table.","fields":[{"name":"order_id","type":"string"}]} };

/** What pipelines read of a shipment. */
export interface Shipment {
  readonly order_id: string;
  /** The event time of the shipment. */
  readonly ship_date: EpochDays | null;
  readonly ship_mode: string | null;
}

export const shipmentSchema: Schema<Shipment> = { avro: {"type":"record","name":"Value","namespace":"public.shipments","doc":"What pipelines read of a shipment.","fields":[{"name":"order_id","type":"string"},{"name":"ship_date","type":["null",{"type":"int","logicalType":"date"}],"default":null,"doc":"The event time of the shipment."},{"name":"ship_mode","type":["null","string"],"default":null}]} };
