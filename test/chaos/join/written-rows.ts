import type { Batch } from './batches.ts';
import { type RowBag, bagOf, rowText } from './row-bag.ts';
import { folded } from './table-fold.ts';
import type { InputName } from './topics.ts';

/** What the writer has to have written. */
export function writtenRows(batches: readonly Batch[]): Record<InputName, RowBag> {
  const events = (rows: Batch['requests']): RowBag =>
    bagOf(rows, ({ key, value }) => rowText([key.who], [value.id, value.at, value.amount, value.shop]));
  return {
    requests: events(batches.flatMap((batch) => batch.requests)),
    answers: events(batches.flatMap((batch) => batch.answers)),
    visits: bagOf(
      batches.flatMap((batch) => batch.visits),
      ({ key, value }) => rowText([key.customer], [value.id]),
    ),
    customers: bagOf(folded(batches.flatMap((batch) => batch.customers)), ([customer, value]) =>
      rowText([customer], [value.region, value.credit]),
    ),
    accounts: bagOf(folded(batches.flatMap((batch) => batch.accounts)), ([customer, { balance }]) =>
      rowText([customer], [balance]),
    ),
    orders: bagOf(folded(batches.flatMap((batch) => batch.orders)), ([order, { customer, amount }]) =>
      rowText([order], [customer, amount]),
    ),
  };
}
