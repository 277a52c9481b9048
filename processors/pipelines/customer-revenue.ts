import { minus, plus, zero } from '../../schemas/decimal.ts';
import { type OrderLine, type Revenue, revenueSchema } from '../../schemas/superstore/generated.ts';
import { topics } from '../../schemas/topics.ts';
import { keyOf, topology } from '../engine/topology.ts';

const AMOUNT_SCALE = 4;

const nothing: Revenue = { lines: 0, quantity: 0n, revenue: zero(AMOUNT_SCALE), profit: zero(AMOUNT_SCALE) };

const amountOf = (line: OrderLine) => ({
  quantity: BigInt(line.quantity ?? 0),
  sales: line.sales ?? zero(AMOUNT_SCALE),
  profit: line.profit ?? zero(AMOUNT_SCALE),
});

/**
 * What each customer has bought, kept right through inserts, updates and deletes of order lines and of customers. A
 * customer whose last line goes disappears.
 */
export const customerRevenue = topology('customer-revenue', (builder) => {
  builder
    .table(topics.orderLines)
    .groupBy('lines-by-customer', keyOf(topics.customers), ({ customer_id }) =>
      customer_id === null ? null : { customer_id },
    )
    .aggregate('revenue', revenueSchema, {
      initial: () => nothing,
      add(sum, line) {
        const { quantity, sales, profit } = amountOf(line);
        return {
          lines: sum.lines + 1,
          quantity: sum.quantity + quantity,
          revenue: plus(sum.revenue, sales),
          profit: plus(sum.profit, profit),
        };
      },
      subtract(sum, line) {
        if (sum.lines === 1) return null;
        const { quantity, sales, profit } = amountOf(line);
        return {
          lines: sum.lines - 1,
          quantity: sum.quantity - quantity,
          revenue: minus(sum.revenue, sales),
          profit: minus(sum.profit, profit),
        };
      },
    })
    .join('with-customer', builder.table(topics.customers), (revenue, customer, { customer_id }) => ({
      customer_id,
      name: customer.name,
      segment: customer.segment,
      ...revenue,
    }))
    .to(topics.customerRevenue);
});
