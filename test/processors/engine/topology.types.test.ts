import { expectTypeOf, test } from 'vitest';
import { keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Topic } from '../../../schemas/topic.ts';

interface OrderKey {
  readonly order_id: string;
}
interface CustomerKey {
  readonly customer_id: string;
}
interface Order {
  readonly order_id: string;
  readonly customer_id: string | null;
  readonly placed: number;
}
interface Customer {
  readonly customer_id: string;
  readonly name: string | null;
}
interface Named {
  readonly order_id: string;
  readonly name: string | null;
}

function record(name: string, field: string) {
  return { type: 'record', name, fields: [{ name: field, type: 'string' }] } as const;
}
const base = { kind: 'table', partitions: 1, value: 'string' } as const;
const orders: Topic<OrderKey, Order> = { ...base, name: 'orders', key: record('OrderKey', 'order_id') };
const customers: Topic<CustomerKey, Customer> = {
  ...base,
  name: 'customers',
  key: record('Key', 'customer_id'),
};
const named: Topic<OrderKey, Named> = { ...base, name: 'named', key: record('OrderKey', 'order_id') };
const order: Named = { order_id: 'o', name: null };
const window = { within: '1m', grace: '0s' } as const;

test('types flow from the topics through joins into the result topic', () => {
  topology('types', (builder) => {
    const stream = builder.stream(orders, { time: (order) => order.placed });
    stream
      .leftJoin(
        'twice',
        stream.filter(() => true),
        window,
        (left, right) => {
          expectTypeOf(left).toEqualTypeOf<Order>();
          expectTypeOf(right).toEqualTypeOf<Order | null>();
          return { ...left, seen: right?.placed ?? null };
        },
      )
      .joinGlobal(
        'with-customer',
        builder.globalTable(customers),
        { key: (order) => (order.customer_id === null ? null : { customer_id: order.customer_id }) },
        (order, customer) => {
          expectTypeOf(order.seen).toEqualTypeOf<number | null>();
          expectTypeOf(customer).toEqualTypeOf<Customer>();
          return { ...order, name: customer.name };
        },
      )
      .to(named);
  });
});

test('a versioned table stays one through filters and maps, so that events can wait for it', () => {
  topology('versioned', (builder) => {
    const placed = builder
      .table(orders, { history: '1m' })
      .filter((order) => order.placed > 0)
      .mapValues((order) => order.placed);
    builder
      .stream(orders)
      .joinTable('waiting', placed, { grace: '1s' }, (order, at) => {
        expectTypeOf(order).toEqualTypeOf<Order>();
        expectTypeOf(at).toEqualTypeOf<number>();
        return { ...order, name: String(at) };
      })
      .leftJoinTable('as-of', placed, (order, at, key) => {
        expectTypeOf(at).toEqualTypeOf<number | null>();
        expectTypeOf(key).toEqualTypeOf<OrderKey | null>();
        return order;
      })
      .to(named);
  });
});

test('what does not fit does not compile', () => {
  const define = (): unknown =>
    topology('unfit', (builder) => {
      const stream = builder.stream(orders);
      // @ts-expect-error keys of unlike types
      stream.join('a', builder.stream(customers), window, () => 1);
      // @ts-expect-error a table of unlike key
      stream.joinTable('b', builder.table(customers), () => 1);
      // @ts-expect-error grace has no default
      stream.join('c', stream, { within: '1m' }, () => 1);
      // @ts-expect-error the value lacks a field of the topic
      stream.to(named);
      // @ts-expect-error the key is another one
      stream.mapValues((order) => ({ ...order, name: null })).to(customers);
      // @ts-expect-error windows have no default grace either
      stream.windowedBy({ tumbling: '1h' }, {}).count('d');
      const sums = { initial: () => 0n, add: (sum: bigint) => sum + 1n };
      // @ts-expect-error two sessions that become one need to be merged
      stream.sessions({ session: '1h' }, { grace: '0s' }).aggregate('e', { avro: 'long' }, sums);
      // @ts-expect-error a result of windows has their bounds in its key
      stream
        .windowedBy({ tumbling: '1h' }, { grace: '0s' })
        .count('f')
        .mapValues(() => order)
        .to(named);
      // @ts-expect-error what is told once does not change: it is no table
      stream.windowedBy({ tumbling: '1h' }, { grace: '0s' }).count('g').suppressUntilWindowCloses('h');
      // @ts-expect-error the missing side may be null
      stream.leftJoinTable('d', builder.table(orders), (left, row) => row.placed);
      // @ts-expect-error the selector names another key
      stream.repartition('e', keyOf(customers), (order) => ({ order_id: order.order_id }));
      // @ts-expect-error only a versioned table can be waited for
      stream.joinTable('g', builder.table(orders), { grace: '1s' }, () => 1);
      const versioned = builder.table(orders, { history: '1m' });
      const both = versioned.join('h', versioned, () => 1);
      // @ts-expect-error the rows of a join have no history
      stream.joinTable('i', both, { grace: '1s' }, () => 1);
      // @ts-expect-error a table that is loaded first has no history by that
      stream.joinTable('k', builder.table(orders, { loadFirst: true }), { grace: '1s' }, () => 1);
      // @ts-expect-error the missing side may be null, however long it was waited for
      stream.leftJoinTable('j', versioned, { grace: '1s' }, (left, row) => row.placed);
      // @ts-expect-error no such unit of time
      stream.join('f', stream, { within: '1 minute', grace: 0 }, () => 1);
    });
  expectTypeOf(define).returns.toBeUnknown();
});
