import fc from 'fast-check';
import { type Topology, type TopologyBuilder, keyOf, topology } from '../../../processors/engine/topology.ts';
import type { KTable } from '../../../processors/engine/ktable.ts';
import type { Schema } from '../../../schemas/schema.ts';
import type { Customer, CustomerKey, Order, OrderKey } from '../../../schemas/superstore/generated.ts';
import { tableTopic } from '../../../schemas/topic.ts';
import { topics } from '../../../schemas/topics.ts';

export interface NamedOrder {
  readonly region: string | null;
  readonly name: string | null;
}

const namedOrderSchema: Schema<NamedOrder> = {
  avro: {
    type: 'record',
    name: 'NamedOrder',
    fields: [
      { name: 'region', type: ['null', 'string'] },
      { name: 'name', type: ['null', 'string'] },
    ],
  },
};
const int: Schema<number> = { avro: 'int' };

export const namedOrders = tableTopic('named-orders', keyOf(topics.orders), namedOrderSchema, 2);
/** Number of orders by the name of their customer. */
export const ordersByName = tableTopic<string, number>('orders-by-name', { avro: 'string' }, int, 2);

export type Join = 'inner' | 'left';

/** Orders with the names of their customers, and how many orders each name has. */
export function denormalised(join: Join): Topology {
  return topology(`${join}-named-orders`, (builder) => {
    const named = joined(builder, join);
    named.to(namedOrders);
    named
      .as(namedOrderSchema)
      .groupBy('by-name', { avro: 'string' } as Schema<string>, ({ name }) => name)
      .aggregate('count-by-name', int, {
        initial: () => 0,
        add: (count) => count + 1,
        subtract: (count) => (count === 1 ? null : count - 1),
      })
      .to(ordersByName);
  });
}

function joined(builder: TopologyBuilder, join: Join): KTable<OrderKey, NamedOrder> {
  const orders = builder.table(topics.orders);
  const customers = builder.table(topics.customers);
  const key = ({ customer_id }: Order): CustomerKey | null => (customer_id === null ? null : { customer_id });
  const joiner = ({ region }: Order, customer: Customer | null): NamedOrder => ({
    region,
    name: customer === null ? null : customer.name,
  });
  return join === 'inner'
    ? orders.joinForeignKey('with-customer', customers, { key }, joiner)
    : orders.leftJoinForeignKey('with-customer', customers, { key }, joiner);
}

/** A change of one table; a null row is deleted. */
export type TableChange =
  | { readonly order: string; readonly row: Order | null }
  | { readonly customer: string; readonly row: Customer | null };

const CUSTOMERS = ['r', 'r1', 'r10'];
const ORDERS = ['a', 'b', 'c', 'd'];

/** Changes of few rows with few values, so that they meet, move and come back. */
export function tableChanges(orders = ORDERS, customers = CUSTOMERS): fc.Arbitrary<TableChange[]> {
  const orderChange = fc
    .record({
      order: fc.constantFrom(...orders),
      customer_id: fc.constantFrom(...customers, null),
      region: fc.constantFrom('east', 'west'),
      deleted: fc.boolean(),
    })
    .map(({ order, deleted, ...rest }) => {
      const row: Order = { order_id: order, order_date: null, ...rest };
      return { order, row: deleted ? null : row };
    });
  const customerChange = fc
    .record({
      customer: fc.constantFrom(...customers),
      name: fc.constantFrom('Ann', 'Bob'),
      deleted: fc.boolean(),
    })
    .map(({ customer, name, deleted }) => {
      const row: Customer = { customer_id: customer, name, segment: null };
      return { customer, row: deleted ? null : row };
    });
  return fc.array(fc.oneof({ weight: 3, arbitrary: orderChange }, { weight: 2, arbitrary: customerChange }), {
    minLength: 1,
    maxLength: 40,
    size: 'max',
  });
}

/** Both tables as a batch would find them. */
export class OrderTables {
  readonly #orders = new Map<string, Order>();
  readonly #customers = new Map<string, Customer>();

  apply(change: TableChange): void {
    if ('order' in change) {
      if (change.row === null) this.#orders.delete(change.order);
      else this.#orders.set(change.order, change.row);
    } else if (change.row === null) this.#customers.delete(change.customer);
    else this.#customers.set(change.customer, change.row);
  }

  joined(join: Join): Map<string, NamedOrder> {
    const result = new Map<string, NamedOrder>();
    for (const [id, { region, customer_id }] of this.#orders) {
      const customer = customer_id === null ? undefined : this.#customers.get(customer_id);
      if (customer !== undefined || join === 'left') result.set(id, { region, name: customer?.name ?? null });
    }
    return result;
  }

  byName(join: Join): Map<string, number> {
    const counts = new Map<string, number>();
    for (const { name } of this.joined(join).values())
      if (name !== null) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }
}
