import { orderCustomerSchema } from '../../schemas/superstore/generated.ts';
import { topics } from '../../schemas/topics.ts';
import { keyOf, topology } from '../engine/topology.ts';

/**
 * Each order with its customer twice: as of the order, and as of now. Event time is the commit time in the source, of
 * orders and customers alike. `*_then` is the row that was valid when the order was committed, whenever both are read:
 * a replay gives it again. `*_now` is the newest row known when the order is processed: a replay gives today's.
 */
export const orderCustomer = topology('order-customer', (builder) => {
  // An order that is read more than thirty days behind the newest change may miss changes from before them.
  const then = builder.table(topics.customers, { history: '30d' });
  const now = builder.globalTable(topics.customers);

  builder
    .stream(topics.orders)
    .repartition('by-customer', keyOf(topics.customers), ({ customer_id }) =>
      customer_id === null ? null : { customer_id },
    )
    .leftJoinTable('then', then, ({ order_id }, customer) => ({
      order_id,
      name_then: customer?.name ?? null,
      segment_then: customer?.segment ?? null,
    }))
    .leftJoinGlobal('now', now, { key: (_, key) => key }, ({ order_id, ...row }, customer, key) => ({
      ...row,
      order_id: order_id ?? '',
      customer_id: key?.customer_id ?? '',
      name_now: customer?.name ?? null,
      segment_now: customer?.segment ?? null,
    }))
    .as(orderCustomerSchema)
    .repartition('by-order', keyOf(topics.orderCustomer), ({ order_id }) => ({ order_id }))
    .to(topics.orderCustomer);
});
