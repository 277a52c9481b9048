import { expectTypeOf, test } from 'vitest';
import { topology } from '../../../processors/engine/topology.ts';
import type { Customer, Order, OrderKey } from '../../../schemas/superstore/generated.ts';
import { topics } from '../../../schemas/topics.ts';

const customerOf = ({ customer_id }: Order) => (customer_id === null ? null : { customer_id });

test('types flow from both tables into the joiner, and only a left join may lack the other row', () => {
  topology('types', (builder) => {
    const [orders, customers] = [builder.table(topics.orders), builder.table(topics.customers)];
    orders.joinForeignKey('inner', customers, { key: customerOf }, (order, customer, key) => {
      expectTypeOf(order).toEqualTypeOf<Order>();
      expectTypeOf(customer).toEqualTypeOf<Customer>();
      expectTypeOf(key).toEqualTypeOf<OrderKey>();
      return 1;
    });
    orders
      .leftJoinForeignKey('left', customers, { key: customerOf }, (order, customer) => {
        expectTypeOf(customer).toEqualTypeOf<Customer | null>();
        return order;
      })
      .to(topics.orders);
  });
});

test('what does not fit does not compile', () => {
  const define = (): unknown =>
    topology('unfit', (builder) => {
      const [orders, customers] = [builder.table(topics.orders), builder.table(topics.customers)];
      // @ts-expect-error the foreign key is of another type than the other table's key
      orders.joinForeignKey('a', customers, { key: (order) => ({ order_id: order.order_id }) }, () => 1);
      // @ts-expect-error a column is not a key
      orders.joinForeignKey('b', customers, { key: (order) => order.customer_id }, () => 1);
      // @ts-expect-error a customer may be missing
      orders.leftJoinForeignKey('c', customers, { key: customerOf }, (_, customer) => customer.name);
      // @ts-expect-error a stream has no rows that could be told of
      orders.joinForeignKey('d', builder.stream(topics.customers), { key: customerOf }, () => 1);
    });
  expectTypeOf(define).returns.toBeUnknown();
});
