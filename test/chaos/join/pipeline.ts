import { keyOf, topology } from '../../../processors/engine/topology.ts';
import type { Topology } from '../../../processors/engine/topology.ts';
import { outputsOf, pair, pairSums, sums } from './outputs.ts';
import { type Customer, type CustomerKey, type Event, type Order, inputs } from './topics.ts';

/** An answer counts when it comes so long after its request at the latest. Milliseconds of event time. */
export const ANSWER_MAX_MS = 3_000;
/** How far behind the newest event one may come: as far as the writer's events do, so that none is ever late. */
export const GRACE_MS = 5_000;
export const WINDOW_MS = 20_000;
/** A request without an answer comes out so long after its own time; what follows the join has to wait for it. */
export const ALONE_AFTER_MS = ANSWER_MAX_MS + GRACE_MS;

const eventTime = ({ at }: Event): number => Number(at);

/** Every kind of join and aggregate, in one topology of three parts. Its results are those of {@link expectedRows}. */
export function joinPipeline(name: string): Topology {
  const outputs = outputsOf(name);
  return topology(name, (builder) => {
    const requests = builder.stream(inputs.requests, { time: eventTime });
    const answered = requests
      .leftJoin(
        'answered',
        builder.stream(inputs.answers, { time: eventTime }),
        { within: { before: 0, after: ANSWER_MAX_MS }, grace: GRACE_MS },
        (request, answer) => ({
          request: request.id,
          answer: answer?.id ?? null,
          amount: request.amount + (answer?.amount ?? 0n),
        }),
      )
      .as(pair);
    answered.to(outputs.answered);
    answered
      .windowedBy({ tumbling: WINDOW_MS }, { grace: ALONE_AFTER_MS })
      .aggregate('answered-windows', pairSums, {
        initial: () => ({ pairs: 0n, alone: 0n, checksum: 0n }),
        add: (sum, { request, answer }) => ({
          pairs: sum.pairs + (answer === null ? 0n : 1n),
          alone: sum.alone + (answer === null ? 1n : 0n),
          checksum: sum.checksum + request + (answer ?? 0n),
        }),
      })
      .to(outputs.answeredWindows);
    const added = {
      initial: () => ({ count: 0n, sum: 0n }),
      add: ({ count, sum }: { count: bigint; sum: bigint }, { amount }: Event) => ({
        count: count + 1n,
        sum: sum + amount,
      }),
    };
    requests
      .windowedBy({ tumbling: WINDOW_MS }, { grace: GRACE_MS })
      .aggregate('request-windows', sums, added)
      .to(outputs.requestWindows);
    requests
      .repartition('by-shop', keyOf(outputs.shopSums), ({ shop }) => ({ shop }))
      .aggregate('shop-sums', sums, added)
      .to(outputs.shopSums);

    const customers = builder.table(inputs.customers);
    customers
      .leftJoin('customer-accounts', builder.table(inputs.accounts), (customer, account) => ({
        ...customer,
        balance: account?.balance ?? null,
      }))
      .to(outputs.customerAccounts);
    customers
      .groupBy('by-region', keyOf(outputs.regionSums), ({ region }) => ({ region }))
      .aggregate('region-sums', sums, {
        initial: () => ({ count: 0n, sum: 0n }),
        add: ({ count, sum }, { credit }) => ({ count: count + 1n, sum: sum + credit }),
        subtract: ({ count, sum }, { credit }) =>
          count === 1n ? null : { count: count - 1n, sum: sum - credit },
      })
      .to(outputs.regionSums);
    builder
      .stream(inputs.visits)
      .leftJoinTable('visitors', customers, ({ id }, customer) => ({
        id,
        region: customer?.region ?? null,
        credit: customer?.credit ?? null,
      }))
      .to(outputs.visitors);

    const orders = builder.table(inputs.orders);
    const key = ({ customer }: Order): CustomerKey | null => (customer === null ? null : { customer });
    const named = ({ amount }: Order, customer: Customer | null) => ({
      amount,
      region: customer?.region ?? null,
      credit: customer?.credit ?? null,
    });
    orders.joinForeignKey('orders-inner', customers, { key }, named).to(outputs.ordersInner);
    orders.leftJoinForeignKey('orders-left', customers, { key }, named).to(outputs.ordersLeft);
  });
}
