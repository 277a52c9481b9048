// Generated from the .avsc files in this folder by `npm run schemas:types`. Do not edit.
import type { Decimal } from '../decimal.ts';
import type { Schema } from '../schema.ts';
import type { EpochDays } from '../time-units.ts';

/** Key of the customers table. */
export interface CustomerKey {
  readonly customer_id: string;
}

export const customerKeySchema: Schema<CustomerKey> = { avro: {"type":"record","name":"Key","namespace":"public.customers","doc":"Key of the customers table.","fields":[{"name":"customer_id","type":"string"}]} };

/** One row per customer with at least one order line. */
export interface CustomerRevenueKey {
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

/** What pipelines read of a customer. */
export interface Customer {
  readonly customer_id: string;
  readonly name: string | null;
  /** Consumer, Corporate or Home Office. */
  readonly segment: string | null;
}

export const customerSchema: Schema<Customer> = { avro: {"type":"record","name":"Value","namespace":"public.customers","doc":"What pipelines read of a customer.","fields":[{"name":"customer_id","type":"string"},{"name":"name","type":["null","string"],"default":null},{"name":"segment","type":["null","string"],"default":null,"doc":"Consumer, Corporate or Home Office."}]} };

/** One row per order that was shipped in time. */
export interface FulfilmentKey {
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

/** Key of the orders table. */
export interface OrderKey {
  readonly order_id: string;
}

export const orderKeySchema: Schema<OrderKey> = { avro: {"type":"record","name":"Key","namespace":"public.orders","doc":"Key of the orders table.","fields":[{"name":"order_id","type":"string"}]} };

/** Key of the order_lines table. */
export interface OrderLineKey {
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

/** What pipelines read of an order. */
export interface Order {
  readonly order_id: string;
  /** The event time of the order. */
  readonly order_date: EpochDays | null;
  readonly customer_id: string | null;
  readonly region: string | null;
}

export const orderSchema: Schema<Order> = { avro: {"type":"record","name":"Value","namespace":"public.orders","doc":"What pipelines read of an order.","fields":[{"name":"order_id","type":"string"},{"name":"order_date","type":["null",{"type":"int","logicalType":"date"}],"default":null,"doc":"The event time of the order."},{"name":"customer_id","type":["null","string"],"default":null},{"name":"region","type":["null","string"],"default":null}]} };

/** Sums over a customer's order lines. */
export interface Revenue {
  /** Order lines of the customer. */
  readonly lines: number;
  readonly quantity: bigint;
  readonly revenue: Decimal;
  readonly profit: Decimal;
}

export const revenueSchema: Schema<Revenue> = { avro: {"type":"record","name":"Revenue","namespace":"superstore.customer_revenue","doc":"Sums over a customer's order lines.","fields":[{"name":"lines","type":"int","doc":"Order lines of the customer."},{"name":"quantity","type":"long"},{"name":"revenue","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}},{"name":"profit","type":{"type":"bytes","logicalType":"decimal","precision":18,"scale":4}}]} };

/** Key of the shipments table. */
export interface ShipmentKey {
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
