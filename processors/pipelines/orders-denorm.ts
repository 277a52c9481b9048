import { topics } from '../../schemas/topics.ts';
import { topology } from '../engine/topology.ts';

/**
 * The orders with their customers as SQL's JOIN gives them, at every moment: a customer who changes is told with each
 * order, an order that goes, or whose customer goes, is a tombstone. The two tables may differ in their partitions.
 */
export const ordersDenorm = topology('orders-denorm', (builder) => {
  builder
    .table(topics.orders)
    .joinForeignKey(
      'customer',
      builder.table(topics.customers),
      { key: ({ customer_id }) => (customer_id === null ? null : { customer_id }) },
      (order, customer, { order_id }) => ({
        order_id,
        order_date: order.order_date,
        region: order.region,
        customer_id: order.customer_id,
        customer_name: customer.name,
        segment: customer.segment,
      }),
    )
    .to(topics.ordersDenorm);
});
