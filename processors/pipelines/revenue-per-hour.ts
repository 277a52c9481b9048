import { plus, zero } from '../../schemas/decimal.ts';
import {
  type RevenuePerHour,
  revenuePerHourSchema,
  segmentKeySchema,
  segmentSaleSchema,
} from '../../schemas/superstore/generated.ts';
import { topics } from '../../schemas/topics.ts';
import { keyOf, topology } from '../engine/topology.ts';

const nothing: RevenuePerHour = { lines: 0, revenue: zero(4) };

/**
 * What each segment of customers bought in each hour, told once, a minute after the hour. A line counts in the hour of
 * its insert: what is corrected later is not sold again, and what a snapshot read was sold at an hour that nobody knows.
 */
export const revenuePerHour = topology('revenue-per-hour', (builder) => {
  builder
    .stream(topics.sales)
    .filter(({ __op }) => __op === 'c')
    .repartition('by-customer', keyOf(topics.customers), ({ customer_id }) =>
      customer_id === null ? null : { customer_id },
    )
    .joinTable('customer', builder.table(topics.customers), ({ sales }, { segment }) => ({
      segment,
      sales: sales ?? nothing.revenue,
    }))
    .as(segmentSaleSchema)
    .repartition('by-segment', segmentKeySchema, ({ segment }) => (segment === null ? null : { segment }))
    .windowedBy({ tumbling: '1h' }, { grace: '1m' })
    .aggregate('revenue', revenuePerHourSchema, {
      initial: () => nothing,
      add: (sum, { sales }) => ({ lines: sum.lines + 1, revenue: plus(sum.revenue, sales) }),
    })
    .to(topics.revenuePerHour);
});
