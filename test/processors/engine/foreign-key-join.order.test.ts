import fc from 'fast-check';
import { expect, test } from 'vitest';
import { topics } from '../../../schemas/topics.ts';
import {
  type Join,
  OrderTables,
  denormalised,
  namedOrders,
  ordersByName,
  tableChanges,
} from './orders-with-customers.ts';
import { SlowTopics } from './slow-topics.ts';

const chances = fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 50, maxLength: 50 });

test.each<Join>(['inner', 'left'])(
  'in whatever order the topics of the %s join are read, it ends as a batch job does',
  (join) => {
    fc.assert(
      fc.property(tableChanges(), chances, (changes, chance) => {
        const slow = new SlowTopics(denormalised(join));
        const tables = new OrderTables();
        changes.forEach((change, time) => {
          tables.apply(change);
          if ('order' in change) slow.give(topics.orders, { order_id: change.order }, change.row, time);
          else slow.give(topics.customers, { customer_id: change.customer }, change.row, time);
        });
        let drawn = 0;
        slow.drain(() => chance[drawn++ % chance.length] ?? 0);
        expect(slow.rows(namedOrders, ({ order_id }) => order_id)).toEqual(tables.joined(join));
        expect(slow.rows(ordersByName, (name) => name)).toEqual(tables.byName(join));
      }),
      { seed: 213, numRuns: 300 },
    );
  },
);

test('an answer to an equal row of before, with a customer that is gone by now, is taken back', () => {
  const slow = new SlowTopics(denormalised('inner'));
  const order = { order_id: 'a', order_date: null, customer_id: 'r', region: 'east' };
  const orders = (row: typeof order | null): void => {
    slow.give(topics.orders, { order_id: 'a' }, row, 0);
    slow.read(topics.orders.name);
  };
  const customers = (name: string | null): void => {
    const row = name === null ? null : { customer_id: 'r', name, segment: null };
    slow.give(topics.customers, { customer_id: 'r' }, row, 0);
    slow.read(topics.customers.name);
  };
  customers('Ann');
  orders(order);
  // Its answer is on its way from here on.
  slow.read('with-customer-subscription');
  orders(null);
  slow.read('with-customer-subscription');
  customers(null);
  orders(order);
  slow.drain(() => 0);
  expect(slow.rows(namedOrders, ({ order_id }) => order_id)).toEqual(new Map());
});
