import { type Batch, closingTime } from './batches.ts';
import type { OutputName } from './outputs.ts';
import { ALONE_AFTER_MS, ANSWER_MAX_MS, GRACE_MS, WINDOW_MS } from './pipeline.ts';
import { folded, put } from './table-fold.ts';
import { RowBag, type Value, bagOf, rowText } from './row-bag.ts';
import type { Customer, Event, Order } from './topics.ts';

interface Pair {
  readonly who: string;
  readonly request: Event;
  readonly answer: Event | null;
}

type NamedOrder = readonly [name: string, order: Order, customer: Customer | undefined];

type EventRows = Batch['requests'];

/**
 * What the pipeline has to put out, computed from all its inputs at once. It shares no code with the engine.
 * @param batches all that were written, the closing one included
 */
export function expectedRows(batches: readonly Batch[]): Record<OutputName, RowBag> {
  const requests = batches.flatMap((batch) => batch.requests);
  const answers = batches.flatMap((batch) => batch.answers);
  const customers = folded(batches.flatMap((batch) => batch.customers));
  const accounts = folded(batches.flatMap((batch) => batch.accounts));
  const orders = [...folded(batches.flatMap((batch) => batch.orders))].map(([name, order]): NamedOrder => [
    name,
    order,
    customers.get(order.customer ?? ''),
  ]);
  const closedAt = closingTime(batches.length - 1);
  const pairs = pairsOf(requests, answers, closedAt);
  const pairTime = ({ request, answer }: Pair): number =>
    Number(answer !== null && answer.at > request.at ? answer.at : request.at);
  return {
    answered: bagOf(pairs, ({ who, request, answer }) =>
      rowText([who], [request.id, answer?.id ?? null, request.amount + (answer?.amount ?? 0n)]),
    ),
    answeredWindows: windowBag(
      pairs,
      ({ who }) => who,
      pairTime,
      closedAt - ALONE_AFTER_MS,
      (inside) => [
        inside.filter(({ answer }) => answer !== null).length,
        inside.filter(({ answer }) => answer === null).length,
        sum(inside.map(({ request, answer }) => request.id + (answer?.id ?? 0n))),
      ],
    ),
    requestWindows: windowBag(
      requests,
      ({ key }) => key.who,
      ({ value }) => Number(value.at),
      closedAt - GRACE_MS,
      (inside) => [inside.length, sum(inside.map(({ value }) => value.amount))],
    ),
    shopSums: bagOf(
      grouped(requests, ({ value }) => value.shop),
      ([shop, inside]) => rowText([shop], [inside.length, sum(inside.map(({ value }) => value.amount))]),
    ),
    regionSums: bagOf(
      grouped([...customers.values()], ({ region }) => region),
      ([region, inside]) => rowText([region], [inside.length, sum(inside.map(({ credit }) => credit))]),
    ),
    customerAccounts: bagOf(customers, ([customer, { region, credit }]) =>
      rowText([customer], [region, credit, accounts.get(customer)?.balance ?? null]),
    ),
    visitors: visitorBag(batches),
    ordersInner: bagOf(
      orders.filter(([, , customer]) => customer !== undefined),
      namedOrder,
    ),
    ordersLeft: bagOf(orders, namedOrder),
  };
}

const namedOrder = ([name, { amount }, customer]: NamedOrder): string =>
  rowText([name], [amount, customer?.region ?? null, customer?.credit ?? null]);

function pairsOf(requests: EventRows, answers: EventRows, closedAt: number): Pair[] {
  const byTime = (rows: EventRows): EventRows => rows.toSorted((a, b) => Number(a.value.at - b.value.at));
  const answersOf = grouped(byTime(answers), ({ key }) => key.who);
  return [...grouped(byTime(requests), ({ key }) => key.who)].flatMap(([who, asked]) => {
    const candidates = answersOf.get(who) ?? [];
    let first = 0;
    return asked.flatMap(({ value: request }): Pair[] => {
      while ((candidates[first]?.value.at ?? request.at) < request.at) first++;
      const pairs: Pair[] = [];
      for (let i = first; i < candidates.length; i++) {
        const answer = candidates[i]?.value ?? null;
        if (answer === null || answer.at > request.at + BigInt(ANSWER_MAX_MS)) break;
        pairs.push({ who, request, answer });
      }
      const isAlone = pairs.length === 0 && Number(request.at) + ALONE_AFTER_MS < closedAt;
      return isAlone ? [{ who, request, answer: null }] : pairs;
    });
  });
}

/** A row for each window of a key that ends at `lastEnd` or before. */
function windowBag<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  timeOf: (item: T) => number,
  lastEnd: number,
  fold: (inside: readonly T[]) => readonly Value[],
): RowBag {
  const startOf = (item: T): number => Math.floor(timeOf(item) / WINDOW_MS) * WINDOW_MS;
  const closed = items.filter((item) => startOf(item) + WINDOW_MS <= lastEnd);
  return bagOf(grouped(closed, (item) => `${startOf(item)} ${keyOf(item)}`).values(), (inside) => {
    const [first] = inside;
    if (first === undefined) throw new Error('a group has no member');
    return rowText([keyOf(first), startOf(first), startOf(first) + WINDOW_MS], fold(inside));
  });
}

/** Each visit sees the customers as the last commit up to its own left them. */
function visitorBag(batches: readonly Batch[]): RowBag {
  const bag = new RowBag();
  const customers = new Map<string, Customer>();
  for (const batch of batches) {
    for (const row of batch.customers) put(customers, row);
    for (const { key, value } of batch.visits) {
      const row = customers.get(key.customer);
      bag.add(rowText([key.customer], [value.id, row?.region ?? null, row?.credit ?? null]));
    }
  }
  return bag;
}

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  return Map.groupBy(items, keyOf);
}

const sum = (numbers: readonly bigint[]): bigint => numbers.reduce((total, number) => total + number, 0n);
