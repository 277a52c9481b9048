import { type Topology, topology } from '../../processors/engine/topology.ts';
import {
  type Click,
  clickCount,
  clickKey,
  clicked,
  customerKey,
  inputs,
  outputs,
  pairKey,
  paired,
  totals,
  visitorKey,
} from './event-topics.ts';

/** A buy counts for a click when it comes so long after it at the latest, event time. */
export const BUY_WITHIN_MS = 2_000;
/** Longer than what is written between two quiet points: a task that is held up keeps its events back for as long. */
export const GRACE_MS = 1_800_000;
export const SALES_MS = 10_000;
export const VISIT_GAP_MS = 3_000;

const at = (event: Click): number => Number(event.at ?? 0n);

/** Changelogs merged: a join by foreign key, an aggregate of rows that change and go, and rows as of an event's commit. */
const tables = topology('tables', (builder) => {
  const orders = builder.table(inputs.orders);
  orders
    .joinForeignKey(
      'with-customer',
      builder.table(inputs.customers),
      { key: ({ customer }) => (customer === null ? null : { id: customer }) },
      (order, customer) => ({ ...order, name: customer.name, tier: customer.tier }),
    )
    .to(outputs.ordersDenorm);
  orders
    .groupBy('by-customer', customerKey, ({ customer }) => (customer === null ? null : { customer }))
    .aggregate('totals', totals, {
      initial: () => ({ lines: 0n, amount: 0n }),
      add: (sum, { amount }) => ({ lines: sum.lines + 1n, amount: sum.amount + (amount ?? 0n) }),
      subtract: (sum, { amount }) =>
        sum.lines === 1n ? null : { lines: sum.lines - 1n, amount: sum.amount - (amount ?? 0n) },
    })
    .to(outputs.customerTotals);
  builder
    .stream(inputs.clicks)
    .repartition('clicks-by-visitor', visitorKey, ({ visitor }) => ({ visitor: visitor ?? 0n }))
    .leftJoinTable('plan', builder.table(inputs.profiles, { history: '1h' }), ({ id, visitor }, profile) => ({
      click: id,
      visitor: visitor ?? 0n,
      plan: profile?.plan ?? null,
    }))
    .as(clicked)
    .repartition('by-click', clickKey, ({ click }) => ({ id: click }))
    .mapValues(({ visitor, plan }) => ({ visitor, plan }))
    .to(outputs.clickPlans);
});

/** Events in windows of their own time: pairs, sessions, and sums that are told once. */
const events = topology('events', (builder) => {
  const visitorOf = ({ visitor }: Click) => ({ visitor: visitor ?? 0n });
  const clicks = builder.stream(inputs.clicks, { time: at }).repartition('clicks', visitorKey, visitorOf);
  const buys = builder.stream(inputs.buys, { time: at }).repartition('buys', visitorKey, visitorOf);
  clicks
    .join('bought', buys, { within: { before: 0, after: BUY_WITHIN_MS }, grace: GRACE_MS }, (click, buy) => ({
      click: click.id,
      buy: buy.id,
      after: (buy.at ?? 0n) - (click.at ?? 0n),
      amount: buy.amount ?? 0n,
    }))
    .as(paired)
    .repartition('by-pair', pairKey, ({ click, buy }) => ({ click, buy }))
    .mapValues(({ after, amount }) => ({ after, amount }))
    .to(outputs.clickBuys);
  const visits = clicks
    .sessions({ session: VISIT_GAP_MS }, { grace: GRACE_MS })
    .aggregate('visit', clickCount, {
      initial: () => ({ clicks: 0n }),
      add: ({ clicks: before }) => ({ clicks: before + 1n }),
      merge: (older, newer) => ({ clicks: older.clicks + newer.clicks }),
    });
  visits.to(outputs.visits);
  // A table of results looks the same however often it is told.
  visits
    .count('visits-told')
    .mapValues((times) => ({ times }))
    .to(outputs.visitsTold);
  const sales = buys.windowedBy({ tumbling: SALES_MS }, { grace: GRACE_MS }).aggregate('sold', totals, {
    initial: () => ({ lines: 0n, amount: 0n }),
    add: (sum, { amount }) => ({ lines: sum.lines + 1n, amount: sum.amount + (amount ?? 0n) }),
  });
  sales.to(outputs.sales);
  sales
    .count('sales-told')
    .mapValues((times) => ({ times }))
    .to(outputs.salesTold);
});

export const PIPELINES: readonly Topology[] = [tables, events];
