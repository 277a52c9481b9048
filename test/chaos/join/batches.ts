import { type Random, between, pick, whole } from '../fault-lane.ts';
import { seededRandom } from '../seeded-random.ts';
import { GRACE_MS } from './pipeline.ts';
import type { Customer, Event, Order } from './topics.ts';

/** Event time that passes from one batch to the next, milliseconds. */
const STEP_MS = 500;
const EVENTS = 24;
/** Of each table. */
const CHANGES = 4;
const VISITS = 6;
const IDS_PER_BATCH = 1_000;
/** Few keys have many events, many have few. */
const HOT = { share: 0.3, keys: 4 };
const KEYS = 300;
const CUSTOMERS = 250;
const REGIONS = 12;
const SHOPS = 40;
const DELETED_SHARE = 0.2;
const ORDERS = 400;
/** Of orders that name no customer. */
const NOBODY_SHARE = 0.1;
const AMOUNT = { from: -500, to: 1_000 };

export interface Row<K, V> {
  readonly key: K;
  /** Null deletes the row. */
  readonly value: V | null;
}

type EventRow = Row<{ readonly who: string }, Event> & { readonly value: Event };
type CustomerKey = { readonly customer: string };

/** What the writer writes in one Kafka transaction, under one commit time. */
export interface Batch {
  readonly requests: readonly EventRow[];
  readonly answers: readonly EventRow[];
  readonly customers: readonly Row<CustomerKey, Customer>[];
  readonly orders: readonly Row<{ readonly order: string }, Order>[];
  readonly accounts: readonly Row<CustomerKey, { readonly balance: bigint }>[];
  readonly visits: readonly (Row<CustomerKey, { readonly id: bigint }> & {
    readonly value: { readonly id: bigint };
  })[];
}

/**
 * The batch of a number: of the seed and the number alone. Times of events lie between the batch's own time and
 * {@link GRACE_MS} before it, in any order.
 */
export function batchOf(seed: number, number: number): Batch {
  const random = seededRandom(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  const firstId = number * IDS_PER_BATCH;
  const kinds = Array.from({ length: EVENTS }, (_, i) => ({
    isRequest: random() < 0.55,
    row: eventRow(random, firstId + i, number),
  }));
  const rows = <K, V>(key: (random: Random) => K, value: () => V): Row<K, V>[] =>
    Array.from({ length: CHANGES }, () => ({
      key: key(random),
      value: random() < DELETED_SHARE ? null : value(),
    }));
  return {
    requests: kinds.flatMap(({ isRequest, row }) => (isRequest ? [row] : [])),
    answers: kinds.flatMap(({ isRequest, row }) => (isRequest ? [] : [row])),
    customers: rows(customer, () => ({ region: `region ${whole(random, REGIONS)}`, credit: amount(random) })),
    accounts: rows(customer, () => ({ balance: amount(random) })),
    orders: rows(order, () => ({
      customer: random() < NOBODY_SHARE ? null : customer(random).customer,
      amount: amount(random),
    })),
    visits: Array.from({ length: VISITS }, (_, i) => ({
      key: customer(random),
      value: { id: BigInt(firstId + EVENTS + i) },
    })),
  };
}

/** An event time at which every window of the first `batches` batches has closed. */
export const closingTime = (batches: number): number => (batches + 1_000) * STEP_MS;

/**
 * The last batch: a request and its answer for each of the keys, which lie on all partitions. They move every clock
 * past the end of every window.
 */
export function closingBatch(batches: number, keys: readonly string[]): Batch {
  const at = BigInt(closingTime(batches));
  const rows = (first: number): EventRow[] =>
    keys.map((who, i) => ({
      key: { who },
      value: { id: BigInt(batches * IDS_PER_BATCH + first + i), at, amount: 1n, shop: 'closed' },
    }));
  return {
    requests: rows(0),
    answers: rows(keys.length),
    customers: [],
    accounts: [],
    orders: [],
    visits: [],
  };
}

function eventRow(random: Random, id: number, batch: number): EventRow {
  const isHot = random() < HOT.share;
  const who = isHot ? `hot ${whole(random, HOT.keys)}` : `key ${whole(random, KEYS)}`;
  const at = BigInt(GRACE_MS + batch * STEP_MS - whole(random, GRACE_MS + 1));
  const shop = `shop ${whole(random, random() < HOT.share ? 2 : SHOPS)}`;
  return { key: { who }, value: { id: BigInt(id), at, amount: amount(random), shop } };
}

const amount = (random: Random): bigint => BigInt(between(random, AMOUNT));

const customer = (random: Random): CustomerKey => ({
  customer: pick(random, [`rare ${whole(random, CUSTOMERS)}`, `often ${whole(random, REGIONS)}`]),
});

const order = (random: Random): { readonly order: string } => ({ order: `order ${whole(random, ORDERS)}` });
