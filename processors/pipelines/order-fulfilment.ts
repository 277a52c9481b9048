import { topics } from '../../schemas/topics.ts';
import { dayMs } from '../engine/event-time.ts';
import { topology } from '../engine/topology.ts';

/**
 * Orders with the shipment that followed within seven days, and who bought them. Event time is the date in the data;
 * a date has no hours, so a day of grace admits whatever order the day's rows come in.
 */
export const orderFulfilment = topology('order-fulfilment', (builder) => {
  const orders = builder.stream(topics.orders, { time: (order) => dayMs(order.order_date) });
  const shipments = builder.stream(topics.shipments, { time: (shipment) => dayMs(shipment.ship_date) });
  const customers = builder.globalTable(topics.customers);

  orders
    .join(
      'order-shipments',
      shipments,
      { within: { before: '0d', after: '7d' }, grace: '1d' },
      (order, shipment) => ({
        order_id: order.order_id,
        order_date: order.order_date ?? 0,
        ship_date: shipment.ship_date ?? 0,
        days_to_ship: (shipment.ship_date ?? 0) - (order.order_date ?? 0),
        ship_mode: shipment.ship_mode,
        customer_id: order.customer_id,
        region: order.region,
      }),
    )
    .joinGlobal(
      'with-customer',
      customers,
      { key: ({ customer_id }) => (customer_id === null ? null : { customer_id }) },
      (fulfilment, customer) => ({ ...fulfilment, customer_name: customer.name, segment: customer.segment }),
    )
    .to(topics.orderFulfilment);
});
