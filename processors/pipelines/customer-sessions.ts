import { plus, zero } from '../../schemas/decimal.ts';
import { type CustomerSession, customerSessionSchema } from '../../schemas/superstore/generated.ts';
import { topics } from '../../schemas/topics.ts';
import { keyOf, topology } from '../engine/topology.ts';

const nothing: CustomerSession = { lines: 0, quantity: 0n, revenue: zero(4) };

/**
 * The visits of each customer: purchases with at most half an hour from one to the next, told once, a minute after no
 * purchase can make the visit longer. Its key says when it began and ended. Purchases are inserts of order lines.
 */
export const customerSessions = topology('customer-sessions', (builder) => {
  builder
    .stream(topics.sales)
    .filter(({ __op }) => __op === 'c')
    .repartition('by-customer', keyOf(topics.customers), ({ customer_id }) =>
      customer_id === null ? null : { customer_id },
    )
    .sessions({ session: '30m' }, { grace: '1m' })
    .aggregate('session', customerSessionSchema, {
      initial: () => nothing,
      add: (visit, { quantity, sales }) => ({
        lines: visit.lines + 1,
        quantity: visit.quantity + BigInt(quantity ?? 0),
        revenue: plus(visit.revenue, sales ?? nothing.revenue),
      }),
      merge: (older, newer) => ({
        lines: older.lines + newer.lines,
        quantity: older.quantity + newer.quantity,
        revenue: plus(older.revenue, newer.revenue),
      }),
    })
    .to(topics.customerSessions);
});
