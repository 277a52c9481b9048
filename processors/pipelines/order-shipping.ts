import { topics } from '../../schemas/topics.ts';
import { dayMs } from '../engine/event-time.ts';
import type { LateRecord } from '../engine/join-window.ts';
import { type Topology, topology } from '../engine/topology.ts';

/**
 * Every order: with the shipment that followed within seven days, or, when they and a day of grace are over, without
 * one. They are over when a later order or shipment of the same partition says so: what nothing has followed yet is
 * still open. `onLate` is shown what came after its window had closed, and so is in no result.
 */
export function orderShipping(onLate: (late: LateRecord) => void): Topology {
  return topology('order-shipping', (builder) => {
    const orders = builder.stream(topics.orders, { time: (order) => dayMs(order.order_date) });
    const shipments = builder.stream(topics.shipments, { time: (shipment) => dayMs(shipment.ship_date) });
    const daysBetween = (from: number | null, to: number | null): number | null =>
      from === null || to === null ? null : to - from;

    orders
      .leftJoin(
        'shipment',
        shipments,
        { within: { before: '0d', after: '7d' }, grace: '1d', onLate },
        (order, shipment, key) => ({
          order_id: key?.order_id ?? '',
          order_date: order.order_date,
          ship_date: shipment?.ship_date ?? null,
          days_to_ship: daysBetween(order.order_date, shipment?.ship_date ?? null),
          ship_mode: shipment?.ship_mode ?? null,
          customer_id: order.customer_id,
          region: order.region,
        }),
      )
      .to(topics.orderShipping);
  });
}
